/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine: closing the sandbox around all of its threads.
 *
 * The order matters: what takes rights first; then the threads that only wait
 * as yet; main last, as it makes the threads of vCPUs, which inherit what it
 * has left.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/jail.h"
#include "vmm/sandbox.h"
#include "vmm/vm.h"

static int open_status_file(struct vm *vm, struct error *err)
{
	const char *path = vm->cfg->status_file;

	if (path == NULL)
		return 0;
	vm->status_fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (vm->status_fd < 0)
		return error_host(err, -errno,
				  "cannot write the status file '%s': %s; "
				  "check the path and its permissions",
				  path, strerror(errno));
	return 0;
}

static int enter_process(struct vm *vm, struct error *err)
{
	return sandbox_enter_process(vm->sandbox, err);
}

/* Names of sockets and links go away at the end. */
static int keep_folders(struct vm *vm, struct error *err)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0 && i < vm->cfg->nr_consoles; i++) {
		int folder = chardev_folder(vm->consoles[i]);

		if (folder < 0)
			continue;
		ret = jail_keep_folder(vm->jail, folder, err);
		if (ret == 0)
			ret = sandbox_may_remove(vm->sandbox, folder, err);
	}
	return ret;
}

static int close_root(struct vm *vm, struct error *err)
{
	return jail_close_root(vm->jail, err);
}

static int lock_down_devices(struct vm *vm, struct error *err)
{
	for (unsigned i = 0; i < vm->nr_devices; i++) {
		struct device *dev = vm->devices[i];

		if (dev->type->lock_down == NULL)
			continue;

		int ret = dev->type->lock_down(dev, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

struct loop_call {
	struct vm *vm;
	struct error *err;
	int ret;
};

static void enter_loop(void *arg)
{
	struct loop_call *call = arg;

	call->ret = sandbox_enter(call->vm->sandbox, SANDBOX_IO, call->err);
}

static int lock_down_loop(struct vm *vm, struct error *err)
{
	struct loop_call call = { .vm = vm, .err = err };

	evloop_call(vm->loop, enter_loop, &call);
	return call.ret;
}

static int enter_main(struct vm *vm, struct error *err)
{
	return sandbox_enter(vm->sandbox, SANDBOX_MAIN, err);
}

static int (*const steps[])(struct vm *vm, struct error *err) = {
	open_status_file,  enter_process,  keep_folders, close_root,
	lock_down_devices, lock_down_loop, enter_main,
};

int vm_lock_down(struct vm *vm, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < ARRAY_SIZE(steps); i++)
		ret = steps[i](vm, err);
	return ret;
}
