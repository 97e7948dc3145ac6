/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: what no single option can judge. */
#include "vmm/config_impl.h"

#include <ctype.h>
#include <string.h>

#define MAX_PARAMS   4095U
#define NAME_MAX_LEN 255U

static int check_stdio(const struct vm_config *cfg, struct error *err)
{
	const char *first = NULL;

	for (unsigned i = 0; i < cfg->nr_consoles; i++) {
		const struct console_config *con = &cfg->consoles[i];

		if (con->backend.kind != CHARDEV_STDIO)
			continue;
		if (first != NULL)
			return error_usage(err,
					   "both '%s' and '%s' use stdio; give "
					   "one of them another backend, such "
					   "as pty or socket=PATH",
					   first, con->text);
		first = con->text;
	}
	return 0;
}

static int check_consoles(const struct vm_config *cfg, struct error *err)
{
	unsigned serials = 0;

	for (unsigned i = 0; i < cfg->nr_consoles; i++) {
		const struct console_config *a = &cfg->consoles[i];

		serials += a->kind == CONSOLE_SERIAL;
		for (unsigned j = 0; j < i; j++) {
			const struct console_config *b = &cfg->consoles[j];

			if (a->name != NULL && b->name != NULL &&
			    strcmp(a->name, b->name) == 0)
				return error_usage(
					err,
					"--port: two ports are named "
					"'%s'; give them different "
					"names",
					a->name);
		}
	}
	if (serials > 1)
		return error_usage(err,
				   "--console serial is given %u times; "
				   "the machine has one serial port; use "
				   "virtio for the others",
				   serials);
	return check_stdio(cfg, err);
}

static int check_params(const struct vm_config *cfg, struct error *err)
{
	size_t len = cfg->params == NULL ? 0 : strlen(cfg->params);

	if (len > MAX_PARAMS)
		return error_usage(err,
				   "--params: the kernel command line has %zu "
				   "bytes; %u is the most",
				   len, MAX_PARAMS);
	return 0;
}

/* Messages begin with it, so it has to leave room for them. */
static int check_name(const char *name, struct error *err)
{
	bool good = strlen(name) <= NAME_MAX_LEN;

	for (const char *c = name; good && *c != '\0'; c++)
		good = !iscntrl((unsigned char)*c);
	if (good)
		return 0;
	return error_usage(err,
			   "--name: it has control characters or more than %u "
			   "bytes; give a shorter, printable name",
			   NAME_MAX_LEN);
}

/**
 * struct fd_claims - Descriptors that options name
 * @whose: the option
 */
struct fd_claims {
	struct {
		int fd;
		const char *whose;
	} list[CONFIG_MAX_FDS];
	unsigned count;
};

/*
 * A descriptor that two parts of the machine write to is a mistake, most
 * likely of the program that counted them.
 */
static int claim_fd(struct fd_claims *claims, int fd, const char *whose,
		    struct error *err)
{
	if (fd < 0)
		return 0;
	for (unsigned i = 0; i < claims->count; i++) {
		if (claims->list[i].fd == fd)
			return error_usage(err,
					   "fd=%d is given to both %s and %s; "
					   "give each its own",
					   fd, claims->list[i].whose, whose);
	}
	claims->list[claims->count].fd = fd;
	claims->list[claims->count++].whose = whose;
	return 0;
}

static int claim_device_fd(struct fd_claims *claims,
			   const struct device_config *dc, struct error *err)
{
	const struct device_option *opt = dc->type->option;

	for (const struct param *p = opt->params; p->key != NULL; p++) {
		const int *fd =
			(const void *)((const char *)dc->opts + p->offset);

		if (p->type == PARAM_FD)
			return claim_fd(claims, *fd, opt->name, err);
	}
	return 0;
}

static int claim_fds(const struct vm_config *cfg, struct fd_claims *claims,
		     struct error *err)
{
	int ret = claim_fd(claims, cfg->kernel.fd, "kernel", err);

	if (ret == 0)
		ret = claim_fd(claims, cfg->initrd.fd, "initrd", err);
	for (unsigned i = 0; ret == 0 && i < cfg->nr_consoles; i++) {
		const struct console_config *con = &cfg->consoles[i];

		ret = claim_fd(claims, con->backend.fd, con->text, err);
	}
	for (unsigned i = 0; ret == 0 && i < cfg->nr_devices; i++) {
		if (cfg->devices[i].opts != NULL)
			ret = claim_device_fd(claims, &cfg->devices[i], err);
	}
	return ret;
}

static int check_fds(const struct vm_config *cfg, struct error *err)
{
	struct fd_claims claims = { 0 };

	return claim_fds(cfg, &claims, err);
}

unsigned config_fds(const struct vm_config *cfg, int fds[CONFIG_MAX_FDS])
{
	struct fd_claims claims = { 0 };

	claim_fds(cfg, &claims, NULL);
	for (unsigned i = 0; i < claims.count; i++)
		fds[i] = claims.list[i].fd;
	return claims.count;
}

/*
 * A port that uses the terminal may take it from the console that would be
 * there by default.
 */
static bool wants_default_console(const struct vm_config *cfg)
{
	if (cfg->nodefaults || cfg->nr_consoles == CONFIG_MAX_CONSOLES ||
	    config_main_console(cfg) >= 0)
		return false;
	for (unsigned i = 0; i < cfg->nr_consoles; i++) {
		if (cfg->consoles[i].backend.kind == CHARDEV_STDIO)
			return false;
	}
	return true;
}

static int check_jail(const struct vm_config *cfg, struct error *err)
{
	if (cfg->sandbox || (cfg->jail.user == NULL && !cfg->jail.folder))
		return 0;
	return error_usage(err,
			   "--%s is part of the sandbox; leave it or "
			   "--sandbox off out",
			   cfg->jail.user != NULL ? "user" : "jail");
}

int config_check(struct vm_config *cfg, struct error *err)
{
	if (cfg->kernel.path == NULL && cfg->kernel.fd < 0)
		return error_usage(err,
				   "no kernel; give one with --kernel FILE");
	if (wants_default_console(cfg)) {
		char text[] = "serial,stdio";
		int ret = config_add_console(cfg, false, text, err);

		if (ret < 0)
			return ret;
	}

	int ret = check_params(cfg, err);
	if (ret == 0)
		ret = check_name(cfg->name, err);
	if (ret == 0)
		ret = check_consoles(cfg, err);
	if (ret == 0)
		ret = check_fds(cfg, err);
	if (ret == 0)
		ret = check_jail(cfg, err);
	return ret;
}
