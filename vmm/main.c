/* SPDX-License-Identifier: Apache-2.0 */
/*
 * privet: command line to machine to exit status. The only exit of the
 * process is main()'s return.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/fds.h"
#include "vmm/host.h"
#include "vmm/jail.h"
#include "vmm/json.h"
#include "vmm/signals.h"
#include "vmm/vm.h"

/* Opened before the sandbox closed, or now for a machine that never ran. */
static FILE *open_status_file(const char *path, int *fd)
{
	FILE *out = *fd >= 0 ? fdopen(*fd, "w") : fopen(path, "we");

	if (out != NULL)
		*fd = -1;
	return out;
}

static int write_status_file(const char *path, int *fd,
			     const struct vm_result *result,
			     enum exit_status status, struct error *err)
{
	FILE *out = open_status_file(path, fd);

	if (out == NULL)
		return error_host(err, -errno,
				  "cannot write the status file '%s': %s; "
				  "check the path and its permissions",
				  path, strerror(errno));
	fprintf(out, "{ \"stop\": ");
	json_string(out, vm_stop_name(result->stop));
	fprintf(out, ", \"status\": %d, \"guest_status\": ", (int)status);
	if (result->stop == VM_STOP_GUEST_STATUS)
		fprintf(out, "%u", result->guest_status);
	else
		fprintf(out, "null");
	fprintf(out, ", \"reboots\": %u, \"text\": ", result->reboots);
	json_string(out, result->text);
	fprintf(out, " }\n");
	if (fclose(out) != 0)
		return error_host(err, -errno,
				  "cannot write the status file '%s': %s; "
				  "make room there",
				  path, strerror(errno));
	return 0;
}

/* An ordinary end needs no words; anything else gets one line. */
static void report_end(struct log *log, const struct vm_result *result,
		       enum exit_status status)
{
	if (status == EXIT_STATUS_POWEROFF ||
	    (result->stop == VM_STOP_GUEST_STATUS &&
	     status != EXIT_STATUS_RESERVED))
		log_info(log, "%s", result->text);
	else if (result->stop == VM_STOP_USER)
		log_warning(log, "%s", result->text);
	else
		log_error(log, "%s", result->text);
}

static enum exit_status report_error(struct log *log, const struct error *err)
{
	log_error(log, "%s", err->text);
	return err->status;
}

/* A machine that could not be built or started ends like others. */
static enum exit_status result_of_error(const struct error *err,
					struct vm_result *result)
{
	result->stop = VM_STOP_ERROR;
	snprintf(result->text, sizeof(result->text), "%s", err->text);
	return err->status;
}

static enum exit_status run_machine(const struct vm_config *cfg,
				    struct log *log)
{
	struct signals signals;
	struct vm_result result = { 0 };
	struct error err = { .status = EXIT_STATUS_ERROR };
	struct vm *vm = NULL;
	int status_fd = -1;
	enum exit_status status;

	int ret = signals_init(&signals, &err);
	if (ret == 0)
		ret = vm_create(cfg, log, &vm, &err);
	if (ret == 0) {
		fds_close_copied(cfg);
		ret = signals_watch(&signals, vm, &err);
	}
	if (ret == 0)
		ret = vm_run(vm, &result, &err);
	signals_fini(&signals);
	if (vm != NULL) {
		status_fd = vm->status_fd;
		vm->status_fd = -1;
	}
	/* Restores the terminal, so that the line below reads well. */
	vm_destroy(vm);
	if (ret < 0) {
		status = result_of_error(&err, &result);
		report_error(log, &err);
	} else {
		status = vm_exit_status(&result);
		report_end(log, &result, status);
	}
	if (cfg->status_file != NULL &&
	    write_status_file(cfg->status_file, &status_fd, &result, status,
			      &err) < 0)
		return report_error(log, &err);
	return status;
}

/* With --jail the machine is in a child, and its end is that of this process.
 */
static enum exit_status run_in_jail(const struct vm_config *cfg,
				    struct log *log)
{
	struct error err = { .status = EXIT_STATUS_ERROR };
	int status;
	int ret = jail_start(&cfg->jail, &status, &err);

	if (ret < 0)
		return report_error(log, &err);
	return ret == 0 ? run_machine(cfg, log) : (enum exit_status)status;
}

static enum exit_status cmd_run(int argc, char **argv)
{
	struct log log = { .fd = STDERR_FILENO,
			   .level = LOG_WARNING,
			   .name = "privet" };
	struct error err = { .status = EXIT_STATUS_ERROR };
	struct vm_config cfg;
	enum exit_status status;

	int ret = config_init(&cfg);
	if (ret < 0) {
		error_nomem(&err, "the configuration");
		return report_error(&log, &err);
	}

	ret = config_parse(&cfg, argc, argv, &err);
	if (ret == -ECANCELED) {
		config_help(stdout);
		status = EXIT_STATUS_POWEROFF;
	} else if (ret < 0) {
		status = report_error(&log, &err);
	} else {
		log.level = cfg.loglevel;
		log.name = cfg.name;
		ret = fds_close_unnamed(&cfg, argv, &err);
		status = ret < 0 ? report_error(&log, &err)
				 : run_in_jail(&cfg, &log);
	}
	config_free(&cfg);
	return status;
}

static enum exit_status usage(FILE *out, enum exit_status status)
{
	fprintf(out, "usage: privet run [OPTION]... [KERNEL]   run a machine\n"
		     "       privet run --help                 its options\n"
		     "       privet host [--json]              what this host "
		     "can do\n"
		     "       privet --version\n");
	return status;
}

static enum exit_status cmd_host(int argc, char **argv)
{
	bool json = argc == 1 && strcmp(argv[0], "--json") == 0;

	if (argc == 1 && strcmp(argv[0], "--help") == 0)
		return usage(stdout, EXIT_STATUS_POWEROFF);
	if (argc > 1 || (argc == 1 && !json)) {
		fprintf(stderr, "privet: error: 'privet host' takes only "
				"--json\n");
		return EXIT_STATUS_USAGE;
	}

	struct host_report *report = calloc(1, sizeof(*report));
	if (report == NULL)
		return EXIT_STATUS_ERROR;
	host_probe(report, NULL);
	if (json)
		host_print_json(report, stdout);
	else
		host_print_text(report, stdout);

	bool usable = report->usable;
	free(report);
	return usable ? EXIT_STATUS_POWEROFF : EXIT_STATUS_NO_KVM;
}

static enum exit_status cmd_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("privet %s (%s) for %s guests\n", PRIVET_VERSION, PRIVET_COMMIT,
	       arch_info.name);
	return EXIT_STATUS_POWEROFF;
}

static enum exit_status cmd_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return usage(stdout, EXIT_STATUS_POWEROFF);
}

/* What was asked for counts as told only if it got out. */
static enum exit_status flush_output(enum exit_status status)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return status;
	fprintf(stderr, "privet: error: cannot write to standard output: %s\n",
		strerror(errno));
	return EXIT_STATUS_ERROR;
}

static const struct command {
	const char *name;
	enum exit_status (*run)(int argc, char **argv);
} commands[] = {
	{ "run", cmd_run },           { "host", cmd_host },
	{ "--version", cmd_version }, { "--help", cmd_help },
	{ "-h", cmd_help },
};

/*
 * Descriptors 0 to 2 exist from here on, so that nothing that is opened later
 * takes their place and is written to as if it were the terminal.
 */
static int claim_standard_fds(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -EBADF;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (claim_standard_fds() < 0)
		return EXIT_STATUS_ERROR;
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return (int)flush_output(
				commands[i].run(argc - 2, argv + 2));
	}
	if (argc > 1)
		fprintf(stderr, "privet: error: unknown command '%s'\n",
			argv[1]);
	return (int)usage(stderr, EXIT_STATUS_USAGE);
}
