/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: reading the arguments of `privet run`.
 *
 * Two tables say which options there are: core_options[] of config_options.c,
 * and the option of each device type.
 */
#include "vmm/config_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MEM     MIB(512)
#define DEFAULT_GRACE_S 30

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
	for (const struct core_option *o = core_options; o->name != NULL; o++) {
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
	return config_set_kernel(cfg, arg, err);
}

int config_init(struct vm_config *cfg)
{
	*cfg = (struct vm_config){
		.cpus = 1,
		.mem = DEFAULT_MEM,
		.kernel.fd = -1,
		.initrd.fd = -1,
		.grace_s = DEFAULT_GRACE_S,
		.sandbox = true,
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
	free(cfg->jail.user);
	free(cfg->jail.folder);
	free(cfg->jail.cgroup);
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
