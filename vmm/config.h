/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: what the user asked for, checked, nothing opened yet.
 */
#ifndef PRIVET_VMM_CONFIG_H
#define PRIVET_VMM_CONFIG_H

#include <stdio.h>
#include "vmm/chardev.h"
#include "vmm/device.h"
#include "vmm/jail.h"
#include "vmm/log.h"

#define CONFIG_MAX_DEVICES  32
#define CONFIG_MAX_CONSOLES 16
#define CONFIG_MAX_FDS      (2 + CONFIG_MAX_CONSOLES + CONFIG_MAX_DEVICES)

/** enum console_kind - What the guest sees of a console */
enum console_kind {
	CONSOLE_SERIAL,
	CONSOLE_VIRTIO,
	CONSOLE_PORT,
};

/**
 * struct console_config - One --console or --port
 * @kind: serial port, virtio console port, or named virtio port
 * @name: CONSOLE_PORT: the port's name in the guest; else NULL
 * @backend: the host side
 * @text: the option as given, for messages
 */
struct console_config {
	enum console_kind kind;
	char *name;
	struct chardev_config backend;
	char *text;
};

/** enum virtio_transport_kind - How virtio devices appear in the machine */
enum virtio_transport_kind {
	VIRTIO_TRANSPORT_DEFAULT,
	VIRTIO_TRANSPORT_MMIO,
	VIRTIO_TRANSPORT_PCI,
};

/**
 * struct file_config - A file given as a path or as fd=N
 * @path: NULL when @fd is used
 * @fd: -1 when @path is used
 */
struct file_config {
	char *path;
	int fd;
};

/**
 * struct vm_config - Everything `privet run` was asked for
 * @name: the VM's name; "privet" by default
 * @cpus: virtual CPUs, 1 or more
 * @mem: bytes of RAM
 * @kernel, @initrd: images; initrd's path and fd may both be absent
 * @params: kernel command line as given, or NULL
 * @irqchip: forced interrupt controller, or NULL
 * @dump_dtb: path to write the device tree to, or NULL
 * @status_file: where to write how the machine ended, or NULL
 * @virtio_transport: the architecture's own unless the user chose
 * @grace_s: seconds that a guest has to shut down once its power button was
 *	pressed; 0: as long as it likes
 * @timeout_s: seconds after which the machine is ended; 0: never
 * @no_reboot: end instead of rebooting
 * @nodefaults: no device that was not asked for
 * @sandbox: threads give up the rights that they do not need
 * @jail: what a monitor that root starts gives up besides
 * @no_ioeventfd, @no_irqfd: use the paths for hosts without them
 */
struct vm_config {
	char *name;
	unsigned cpus;
	uint64_t mem;
	struct file_config kernel;
	struct file_config initrd;
	char *params;
	char *irqchip;
	char *dump_dtb;
	char *kvm_path;
	char *status_file;
	enum virtio_transport_kind virtio_transport;
	uint64_t grace_s;
	uint64_t timeout_s;
	bool no_reboot;
	bool nodefaults;
	bool no_ioeventfd;
	bool no_irqfd;
	bool sandbox;
	struct jail_config jail;
	enum log_level loglevel;
	struct console_config consoles[CONFIG_MAX_CONSOLES];
	unsigned nr_consoles;
	struct device_config devices[CONFIG_MAX_DEVICES];
	unsigned nr_devices;
};

/** config_init() - Defaults */
int config_init(struct vm_config *cfg);
void config_free(struct vm_config *cfg);

/**
 * config_parse() - Read the arguments of `privet run`
 * @argc, @argv: without "privet run"
 *
 * Pure: reads no file, opens nothing. The first positional argument may be
 * the kernel, as in kvmtool.
 *
 * Return: 0, -EINVAL with one line in @err, or -ECANCELED when help was asked
 * for.
 */
int config_parse(struct vm_config *cfg, int argc, char **argv,
		 struct error *err);

/**
 * config_check() - Combinations that no single option can judge
 *
 * Called by config_parse() at the end.
 */
int config_check(struct vm_config *cfg, struct error *err);

/**
 * config_fds() - Descriptors that options name by fd=N, each once
 * @cfg: checked
 *
 * Return: how many.
 */
unsigned config_fds(const struct vm_config *cfg, int fds[CONFIG_MAX_FDS]);

/**
 * config_main_console() - The console that a guest prints to first
 *
 * Ports carry bytes for programs: none of them is one.
 *
 * Return: its index in @consoles, or -1 when there is none.
 */
static inline int config_main_console(const struct vm_config *cfg)
{
	for (unsigned i = 0; i < cfg->nr_consoles; i++) {
		if (cfg->consoles[i].kind != CONSOLE_PORT)
			return (int)i;
	}
	return -1;
}

/** config_help() - Print the options of `privet run` to @out, by table */
void config_help(FILE *out);

/**
 * config_option_name() - Long names of all options, for the test that
 * compares them with the manual page
 *
 * Return: the @index-th name, or NULL past the end.
 */
const char *config_option_name(unsigned index);

#endif
