/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: the options that belong to no device, and the help text,
 * which follows from them and from the device types.
 */
#include "vmm/config_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CPUS    4096U
#define MAX_SECONDS (10ULL * 365 * 24 * 3600)

static void *field(struct vm_config *cfg, const struct core_option *opt)
{
	return (char *)cfg + opt->offset;
}

static int set_string(struct vm_config *cfg, const struct core_option *opt,
		      const char *arg, struct error *err)
{
	char **out = field(cfg, opt);

	if (arg[0] == '\0')
		return error_usage(err, "--%s: the value is empty; give %s",
				   opt->name, opt->arg);

	char *copy = strdup(arg);
	if (copy == NULL)
		return error_nomem(err, opt->name);
	free(*out);
	*out = copy;
	return 0;
}

static int set_switch(struct vm_config *cfg, const struct core_option *opt,
		      const char *arg, struct error *err)
{
	(void)arg;
	(void)err;
	*(bool *)field(cfg, opt) = true;
	return 0;
}

static int set_cpus(struct vm_config *cfg, const struct core_option *opt,
		    const char *arg, struct error *err)
{
	uint64_t value;

	if (parse_uint(arg, 1, MAX_CPUS, &value) < 0)
		return error_usage(err,
				   "--%s: '%s' is not a number of CPUs; give "
				   "a whole number from 1 to %u",
				   opt->name, arg, MAX_CPUS);
	cfg->cpus = (unsigned)value;
	return 0;
}

static int set_mem(struct vm_config *cfg, const struct core_option *opt,
		   const char *arg, struct error *err)
{
	if (parse_size(arg, MIB(1), 1, INT64_MAX, &cfg->mem) < 0)
		return error_usage(err,
				   "--%s: '%s' is not a size of memory; give "
				   "MiB, or a number with B, K, M, G or T",
				   opt->name, arg);
	return 0;
}

static int set_seconds(uint64_t *out, uint64_t min,
		       const struct core_option *opt, const char *arg,
		       struct error *err)
{
	if (parse_uint(arg, min, MAX_SECONDS, out) < 0)
		return error_usage(err,
				   "--%s: '%s' is not a number of seconds; "
				   "give a whole number from %llu",
				   opt->name, arg, (unsigned long long)min);
	return 0;
}

static int set_sandbox(struct vm_config *cfg, const struct core_option *opt,
		       const char *arg, struct error *err)
{
	if (strcmp(arg, "on") != 0 && strcmp(arg, "off") != 0)
		return error_usage(err, "--%s: '%s' is neither on nor off",
				   opt->name, arg);
	cfg->sandbox = strcmp(arg, "on") == 0;
	return 0;
}

static int set_timeout(struct vm_config *cfg, const struct core_option *opt,
		       const char *arg, struct error *err)
{
	return set_seconds(&cfg->timeout_s, 1, opt, arg, err);
}

static int set_grace(struct vm_config *cfg, const struct core_option *opt,
		     const char *arg, struct error *err)
{
	return set_seconds(&cfg->grace_s, 0, opt, arg, err);
}

static int set_file(struct vm_config *cfg, const struct core_option *opt,
		    const char *arg, struct error *err)
{
	struct file_config *file = field(cfg, opt);
	uint64_t fd;

	if (strncmp(arg, "fd=", 3) != 0) {
		struct core_option path = *opt;

		path.offset += offsetof(struct file_config, path);
		file->fd = -1;
		return set_string(cfg, &path, arg, err);
	}
	if (parse_uint(arg + 3, 0, INT_MAX, &fd) < 0)
		return error_usage(err,
				   "--%s: '%s' is not a descriptor; give a "
				   "path or fd=N",
				   opt->name, arg);
	free(file->path);
	file->path = NULL;
	file->fd = (int)fd;
	return 0;
}

/* Return: the index of @arg in @names, or -1. */
static int find_name(const char *const *names, int count, const char *arg)
{
	for (int i = 0; i < count; i++) {
		if (names[i] != NULL && strcmp(arg, names[i]) == 0)
			return i;
	}
	return -1;
}

static int set_loglevel(struct vm_config *cfg, const struct core_option *opt,
			const char *arg, struct error *err)
{
	static const char *const names[] = {
		[LOG_ERROR] = "error",
		[LOG_WARNING] = "warning",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};
	int found = find_name(names, ARRAY_SIZE(names), arg);

	if (found < 0)
		return error_usage(err,
				   "--%s: '%s' is not a level; give error, "
				   "warning, info or debug",
				   opt->name, arg);
	cfg->loglevel = (enum log_level)found;
	return 0;
}

static int set_virtio_transport(struct vm_config *cfg,
				const struct core_option *opt, const char *arg,
				struct error *err)
{
	static const char *const names[] = {
		[VIRTIO_TRANSPORT_MMIO] = "mmio",
		[VIRTIO_TRANSPORT_PCI] = "pci",
	};
	int found = find_name(names, ARRAY_SIZE(names), arg);

	if (found < 0)
		return error_usage(err,
				   "--%s: '%s' is not a transport; give mmio "
				   "or pci",
				   opt->name, arg);
	cfg->virtio_transport = (enum virtio_transport_kind)found;
	return 0;
}

int config_set_kernel(struct vm_config *cfg, const char *arg, struct error *err)
{
	static const struct core_option kernel = {
		.name = "kernel",
		.arg = "FILE",
		.offset = offsetof(struct vm_config, kernel),
	};

	return set_file(cfg, &kernel, arg, err);
}

/*
 * Options that are more than a value.
 */

static int set_console(struct vm_config *cfg, const struct core_option *opt,
		       const char *arg, struct error *err)
{
	(void)opt;
	return config_add_console(cfg, false, arg, err);
}

static int set_port(struct vm_config *cfg, const struct core_option *opt,
		    const char *arg, struct error *err)
{
	(void)opt;
	return config_add_console(cfg, true, arg, err);
}

static int set_help(struct vm_config *cfg, const struct core_option *opt,
		    const char *arg, struct error *err)
{
	(void)cfg;
	(void)opt;
	(void)arg;
	(void)err;
	return -ECANCELED;
}

const struct core_option core_options[] = {
	{ "kernel", 'k', "FILE", "kernel: Image, gzip, EFI zboot or ELF",
	  set_file, offsetof(struct vm_config, kernel) },
	{ "initrd", 'i', "FILE", "initial RAM disk", set_file,
	  offsetof(struct vm_config, initrd) },
	{ "params", 'p', "TEXT", "kernel command line", set_string,
	  offsetof(struct vm_config, params) },
	{ "cpus", 'c', "N", "virtual CPUs (1)", set_cpus, 0 },
	{ "mem", 'm', "SIZE", "RAM; MiB without a suffix (512M)", set_mem, 0 },
	{ "name", 0, "NAME", "the machine's name, in messages", set_string,
	  offsetof(struct vm_config, name) },
	{ "console", 0, "KIND[,BACKEND]",
	  "serial or virtio; stdio, pty, socket=, file=, fd=, null",
	  set_console, 0 },
	{ "port", 0, "NAME[,BACKEND]", "a named virtio-console port", set_port,
	  0 },
	{ "irqchip", 0, "NAME", "force the interrupt controller", set_string,
	  offsetof(struct vm_config, irqchip) },
	{ "virtio-transport", 0, "KIND", "virtio devices on mmio or pci",
	  set_virtio_transport, 0 },
	{ "grace", 0, "SECONDS", "time to shut down after a SIGTERM (30)",
	  set_grace, 0 },
	{ "timeout", 0, "SECONDS", "end the machine after this long",
	  set_timeout, 0 },
	{ "no-reboot", 0, NULL, "end instead of rebooting", set_switch,
	  offsetof(struct vm_config, no_reboot) },
	{ "status-file", 0, "FILE", "write how the machine ended, as JSON",
	  set_string, offsetof(struct vm_config, status_file) },
	{ "dump-dtb", 0, "FILE", "write the device tree to a file", set_string,
	  offsetof(struct vm_config, dump_dtb) },
	{ "nodefaults", 0, NULL, "no device that was not asked for", set_switch,
	  offsetof(struct vm_config, nodefaults) },
	{ "loglevel", 0, "LEVEL", "error, warning (default), info or debug",
	  set_loglevel, 0 },
	{ "sandbox", 0, "on|off", "give up all rights that are not needed (on)",
	  set_sandbox, 0 },
	{ "user", 0, "USER[:GROUP]", "as root: become this user", set_string,
	  offsetof(struct vm_config, jail.user) },
	{ "jail", 0, "FOLDER", "as root: leave all but this empty folder",
	  set_string, offsetof(struct vm_config, jail.folder) },
	{ "cgroup", 0, "FOLDER", "join this control group", set_string,
	  offsetof(struct vm_config, jail.cgroup) },
	{ "kvm", 0, "PATH", "the KVM device (/dev/kvm)", set_string,
	  offsetof(struct vm_config, kvm_path) },
	{ "no-ioeventfd", 0, NULL, "take doorbells as exits", set_switch,
	  offsetof(struct vm_config, no_ioeventfd) },
	{ "no-irqfd", 0, NULL, "raise interrupts by ioctl", set_switch,
	  offsetof(struct vm_config, no_irqfd) },
	{ "help", 'h', NULL, "this text", set_help, 0 },
	{ .name = NULL },
};

static void help_line(FILE *out, char letter, const char *name, const char *arg,
		      const char *help)
{
	char left[48];
	char short_form[8] = "    ";

	if (letter != 0)
		snprintf(short_form, sizeof(short_form), "-%c, ", letter);
	snprintf(left, sizeof(left), "%s--%s%s%s", short_form, name,
		 arg != NULL ? " " : "", arg != NULL ? arg : "");
	fprintf(out, "  %-32s %s\n", left, help);
}

void config_help(FILE *out)
{
	fprintf(out, "usage: privet run [OPTION]... [KERNEL]\n\n");
	for (const struct core_option *o = core_options; o->name != NULL; o++)
		help_line(out, o->letter, o->name, o->arg, o->help);
	for (unsigned i = 0; device_types[i] != NULL; i++) {
		const struct device_option *o = device_types[i]->option;

		if (o != NULL)
			help_line(out, o->letter, o->name, o->arg, o->help);
	}
	fprintf(out, "\nFiles may be given as fd=N. See privet(1).\n");
}

const char *config_option_name(unsigned index)
{
	const unsigned nr_core = ARRAY_SIZE(core_options) - 1;

	if (index < nr_core)
		return core_options[index].name;

	unsigned left = index - nr_core;
	for (unsigned i = 0; device_types[i] != NULL; i++) {
		if (device_types[i]->option != NULL && left-- == 0)
			return device_types[i]->option->name;
	}
	return NULL;
}
