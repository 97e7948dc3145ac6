/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: reading the arguments of `privet run`.
 *
 * Two tables say which options there are: core_options[] here, and the
 * option of each device type. Help text and checks follow from them.
 */
#include "vmm/config_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MEM   MIB(512)
#define MAX_CPUS      4096U
#define MAX_TIMEOUT_S (10ULL * 365 * 24 * 3600)

/**
 * struct core_option - An option that belongs to no device
 * @arg: the argument's name in the help text; NULL: the option is a switch
 * @set: reads the argument (NULL for a switch) into the configuration
 * @offset: of the field that a generic setter fills
 */
struct core_option {
	const char *name;
	char letter;
	const char *arg;
	const char *help;
	int (*set)(struct vm_config *cfg, const struct core_option *opt,
		   const char *arg, struct error *err);
	size_t offset;
};

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

static int set_timeout(struct vm_config *cfg, const struct core_option *opt,
		       const char *arg, struct error *err)
{
	if (parse_uint(arg, 1, MAX_TIMEOUT_S, &cfg->timeout_s) < 0)
		return error_usage(err,
				   "--%s: '%s' is not a number of seconds; "
				   "give a whole number from 1",
				   opt->name, arg);
	return 0;
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

static int set_loglevel(struct vm_config *cfg, const struct core_option *opt,
			const char *arg, struct error *err)
{
	static const char *const names[] = {
		[LOG_ERROR] = "error",
		[LOG_WARNING] = "warning",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(arg, names[i]) == 0) {
			cfg->loglevel = (enum log_level)i;
			return 0;
		}
	}
	return error_usage(err,
			   "--%s: '%s' is not a level; give error, warning, "
			   "info or debug",
			   opt->name, arg);
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

static const struct core_option core_options[] = {
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
	{ "kvm", 0, "PATH", "the KVM device (/dev/kvm)", set_string,
	  offsetof(struct vm_config, kvm_path) },
	{ "no-ioeventfd", 0, NULL, "take doorbells as exits", set_switch,
	  offsetof(struct vm_config, no_ioeventfd) },
	{ "no-irqfd", 0, NULL, "raise interrupts by ioctl", set_switch,
	  offsetof(struct vm_config, no_irqfd) },
	{ "help", 'h', NULL, "this text", set_help, 0 },
};

/*
 * Device options.
 */

static unsigned count_devices(const struct vm_config *cfg,
			      const struct device_type *type)
{
	unsigned n = 0;

	for (unsigned i = 0; i < cfg->nr_devices; i++)
		n += cfg->devices[i].type == type;
	return n;
}

static int fill_opts(const struct device_option *opt, const char *arg,
		     void **out, struct error *err)
{
	char option[40];
	void *opts = calloc(1, opt->size);

	if (opts == NULL)
		return error_nomem(err, opt->name);
	if (opt->defaults != NULL)
		memcpy(opts, opt->defaults, opt->size);
	snprintf(option, sizeof(option), "--%s", opt->name);

	int ret = params_parse(option, opt->params, arg, opts, err);
	if (ret == 0 && opt->check != NULL)
		ret = opt->check(opts, err);
	if (ret < 0) {
		params_free(opt->params, opts);
		free(opts);
		return ret;
	}
	*out = opts;
	return 0;
}

static int set_device(struct vm_config *cfg, const struct device_type *type,
		      const char *arg, struct error *err)
{
	const struct device_option *opt = type->option;
	unsigned count = count_devices(cfg, type);

	if (arg != NULL && opt->none != NULL && strcmp(arg, opt->none) == 0)
		return 0;
	/* A switch given twice asks for the same thing. */
	if (arg == NULL && count > 0)
		return 0;
	if (count >= type->max || cfg->nr_devices == CONFIG_MAX_DEVICES)
		return error_usage(err,
				   "--%s: there are %u already; that is all a "
				   "machine can have",
				   opt->name, count);

	struct device_config *dc = &cfg->devices[cfg->nr_devices];
	*dc = (struct device_config){ .type = type, .index = count };
	if (arg != NULL) {
		int ret = fill_opts(opt, arg, &dc->opts, err);

		if (ret < 0)
			return ret;
	}
	cfg->nr_devices++;
	return 0;
}

/*
 * The command line.
 */

/** struct found - The option that an argument names: one of the two */
struct found {
	const struct core_option *core;
	const struct device_type *device;
	const char *name;
	bool takes_arg;
};

static bool name_matches(const char *name, char letter, const char *text,
			 size_t len)
{
	if (len == 1 && letter != 0 && text[0] == letter)
		return true;
	return len > 1 && strlen(name) == len && strncmp(name, text, len) == 0;
}

static bool find_option(const char *text, size_t len, struct found *found)
{
	for (size_t i = 0; i < ARRAY_SIZE(core_options); i++) {
		const struct core_option *o = &core_options[i];

		if (name_matches(o->name, o->letter, text, len)) {
			*found = (struct found){ .core = o,
						 .name = o->name,
						 .takes_arg = o->arg != NULL };
			return true;
		}
	}
	for (unsigned i = 0; device_types[i] != NULL; i++) {
		const struct device_option *o = device_types[i]->option;

		if (o != NULL && name_matches(o->name, o->letter, text, len)) {
			*found = (struct found){ .device = device_types[i],
						 .name = o->name,
						 .takes_arg = o->arg != NULL };
			return true;
		}
	}
	return false;
}

/** struct cursor - Where the parser is in argv */
struct cursor {
	int argc;
	char **argv;
	int pos;
};

/*
 * Splits `--name=value`, `--name value`, `-x value` and `-xvalue`.
 */
static int split_option(struct cursor *c, struct found *found,
			const char **value, struct error *err)
{
	const char *arg = c->argv[c->pos++];
	bool is_long = arg[1] == '-';
	const char *name = arg + (is_long ? 2 : 1);
	const char *equals = is_long ? strchr(name, '=') : NULL;
	size_t len = is_long ? strlen(name) : 1;

	*value = NULL;
	if (equals != NULL) {
		len = (size_t)(equals - name);
		*value = equals + 1;
	} else if (!is_long && name[1] != '\0') {
		*value = name + 1;
	}
	if (is_long && len == 1)
		len = 0;
	if (!find_option(name, len, found))
		return error_usage(err,
				   "unknown option '%s'; 'privet run --help' "
				   "lists them",
				   arg);
	if (!found->takes_arg && *value != NULL)
		return error_usage(err, "--%s takes no value; leave '%s' out",
				   found->name, *value);
	if (found->takes_arg && *value == NULL) {
		if (c->pos >= c->argc)
			return error_usage(err,
					   "--%s needs a value; 'privet "
					   "run --help' tells which",
					   found->name);
		*value = c->argv[c->pos++];
	}
	return 0;
}

static int parse_option(struct vm_config *cfg, struct cursor *c,
			struct error *err)
{
	struct found found = { 0 };
	const char *value;
	int ret = split_option(c, &found, &value, err);

	if (ret < 0)
		return ret;
	if (found.core != NULL)
		return found.core->set(cfg, found.core, value, err);
	return set_device(cfg, found.device, value, err);
}

static int parse_positional(struct vm_config *cfg, const char *arg,
			    struct error *err)
{
	if (cfg->kernel.path != NULL || cfg->kernel.fd >= 0)
		return error_usage(err,
				   "'%s' is too much: the kernel is given "
				   "already; options begin with a dash",
				   arg);
	return set_file(cfg, &core_options[0], arg, err);
}

int config_init(struct vm_config *cfg)
{
	*cfg = (struct vm_config){
		.cpus = 1,
		.mem = DEFAULT_MEM,
		.kernel.fd = -1,
		.initrd.fd = -1,
		.loglevel = LOG_WARNING,
	};
	cfg->name = strdup("privet");
	return cfg->name == NULL ? -ENOMEM : 0;
}

void config_free(struct vm_config *cfg)
{
	for (unsigned i = 0; i < cfg->nr_devices; i++) {
		struct device_config *dc = &cfg->devices[i];

		if (dc->opts != NULL)
			params_free(dc->type->option->params, dc->opts);
		free(dc->opts);
	}
	for (unsigned i = 0; i < cfg->nr_consoles; i++) {
		free(cfg->consoles[i].name);
		free(cfg->consoles[i].text);
		free(cfg->consoles[i].backend.path);
	}
	free(cfg->name);
	free(cfg->kernel.path);
	free(cfg->initrd.path);
	free(cfg->params);
	free(cfg->irqchip);
	free(cfg->dump_dtb);
	free(cfg->kvm_path);
	free(cfg->status_file);
	*cfg = (struct vm_config){ 0 };
}

int config_parse(struct vm_config *cfg, int argc, char **argv,
		 struct error *err)
{
	struct cursor c = { .argc = argc, .argv = argv };
	bool only_positional = false;

	while (c.pos < c.argc) {
		const char *arg = c.argv[c.pos];
		int ret;

		if (!only_positional && strcmp(arg, "--") == 0) {
			only_positional = true;
			c.pos++;
			continue;
		}
		if (!only_positional && arg[0] == '-' && arg[1] != '\0')
			ret = parse_option(cfg, &c, err);
		else
			ret = parse_positional(cfg, c.argv[c.pos++], err);
		if (ret < 0)
			return ret;
	}
	return config_check(cfg, err);
}

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
	for (size_t i = 0; i < ARRAY_SIZE(core_options); i++) {
		const struct core_option *o = &core_options[i];

		help_line(out, o->letter, o->name, o->arg, o->help);
	}
	for (unsigned i = 0; device_types[i] != NULL; i++) {
		const struct device_option *o = device_types[i]->option;

		if (o != NULL)
			help_line(out, o->letter, o->name, o->arg, o->help);
	}
	fprintf(out, "\nFiles may be given as fd=N. See privet(1).\n");
}

const char *config_option_name(unsigned index)
{
	if (index < ARRAY_SIZE(core_options))
		return core_options[index].name;

	unsigned left = index - (unsigned)ARRAY_SIZE(core_options);
	for (unsigned i = 0; device_types[i] != NULL; i++) {
		if (device_types[i]->option != NULL && left-- == 0)
			return device_types[i]->option->name;
	}
	return NULL;
}
