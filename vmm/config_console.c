/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: consoles and ports. */
#include "vmm/config_impl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_NAME_MAX 63U

struct console_opts {
	int kind;
	char *name;
	bool stdio;
	bool pty;
	bool null;
	bool append;
	char *link;
	char *socket;
	char *file;
	int fd;
};

static const char *const console_kinds[] = { "serial", "virtio", NULL };

#define BACKEND_PARAMS                                               \
	{ .key = "stdio",                                            \
	  .type = PARAM_FLAG,                                        \
	  .offset = offsetof(struct console_opts, stdio) },          \
		{ .key = "pty",                                      \
		  .type = PARAM_FLAG,                                \
		  .offset = offsetof(struct console_opts, pty) },    \
		{ .key = "link",                                     \
		  .type = PARAM_STRING,                              \
		  .offset = offsetof(struct console_opts, link) },   \
		{ .key = "socket",                                   \
		  .type = PARAM_STRING,                              \
		  .offset = offsetof(struct console_opts, socket) }, \
		{ .key = "file",                                     \
		  .type = PARAM_STRING,                              \
		  .offset = offsetof(struct console_opts, file) },   \
		{ .key = "append",                                   \
		  .type = PARAM_FLAG,                                \
		  .offset = offsetof(struct console_opts, append) }, \
		{ .key = "fd",                                       \
		  .type = PARAM_FD,                                  \
		  .offset = offsetof(struct console_opts, fd) },     \
		{ .key = "null",                                     \
		  .type = PARAM_FLAG,                                \
		  .offset = offsetof(struct console_opts, null) },   \
	{                                                            \
		.key = NULL                                          \
	}

static const struct param console_params[] = {
	{ .key = "kind",
	  .type = PARAM_CHOICE,
	  .offset = offsetof(struct console_opts, kind),
	  .choices = console_kinds,
	  .positional = true },
	BACKEND_PARAMS,
};

static const struct param port_params[] = {
	{ .key = "name",
	  .type = PARAM_STRING,
	  .offset = offsetof(struct console_opts, name),
	  .positional = true },
	BACKEND_PARAMS,
};

static int pick_backend(const char *option, struct console_opts *opts,
			struct chardev_config *out, struct error *err)
{
	int given = opts->stdio + opts->pty + opts->null +
		    (opts->socket != NULL) + (opts->file != NULL) +
		    (opts->fd >= 0);

	if (given > 1)
		return error_usage(err,
				   "%s: more than one of stdio, pty, socket, "
				   "file, fd and null; give one",
				   option);
	if (opts->link != NULL && !opts->pty)
		return error_usage(err, "%s: link goes with pty only", option);
	if (opts->append && opts->file == NULL)
		return error_usage(err, "%s: append goes with file only",
				   option);

	*out = (struct chardev_config){ .kind = CHARDEV_STDIO, .fd = -1 };
	if (opts->pty) {
		out->kind = CHARDEV_PTY;
		out->path = opts->link;
		opts->link = NULL;
	} else if (opts->socket != NULL) {
		out->kind = CHARDEV_SOCKET;
		out->path = opts->socket;
		opts->socket = NULL;
	} else if (opts->file != NULL) {
		out->kind = CHARDEV_FILE;
		out->path = opts->file;
		out->append = opts->append;
		opts->file = NULL;
	} else if (opts->fd >= 0) {
		out->kind = CHARDEV_FD;
		out->fd = opts->fd;
	} else if (opts->null) {
		out->kind = CHARDEV_NULL;
	}
	return 0;
}

static int check_port_name(const char *name, struct error *err)
{
	size_t len = name == NULL ? 0 : strlen(name);
	bool good = len > 0 && len <= PORT_NAME_MAX;

	for (size_t i = 0; good && i < len; i++)
		good = isalnum((unsigned char)name[i]) ||
		       strchr("._-", name[i]) != NULL;
	if (good)
		return 0;
	return error_usage(err,
			   "--port: '%s' is not a port's name; give 1 to %u "
			   "letters, digits, dots, dashes or underscores",
			   name == NULL ? "" : name, PORT_NAME_MAX);
}

static int add_console(struct vm_config *cfg, const char *option,
		       struct console_opts *opts, bool port, const char *arg,
		       struct error *err)
{
	if (cfg->nr_consoles == CONFIG_MAX_CONSOLES)
		return error_usage(err,
				   "%s: there are %u consoles and ports "
				   "already; that is all a machine can have",
				   option, CONFIG_MAX_CONSOLES);

	struct console_config *con = &cfg->consoles[cfg->nr_consoles];
	*con = (struct console_config){ .backend.fd = -1 };
	int ret = pick_backend(option, opts, &con->backend, err);
	if (ret < 0)
		return ret;

	cfg->nr_consoles++;
	con->kind = port ? CONSOLE_PORT : (enum console_kind)opts->kind;
	con->name = opts->name;
	opts->name = NULL;

	size_t len = strlen(option) + strlen(arg) + 2;
	con->text = malloc(len);
	if (con->text == NULL)
		return error_nomem(err, option);
	snprintf(con->text, len, "%s %s", option, arg);
	return 0;
}

int config_add_console(struct vm_config *cfg, bool port, const char *arg,
		       struct error *err)
{
	const char *option = port ? "--port" : "--console";
	const struct param *params = port ? port_params : console_params;
	struct console_opts opts = { .fd = -1 };
	int ret = params_parse(option, params, arg, &opts, err);

	if (ret == 0 && port)
		ret = check_port_name(opts.name, err);
	if (ret == 0)
		ret = add_console(cfg, option, &opts, port, arg, err);
	params_free(params, &opts);
	return ret;
}
