/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine: building it and taking it apart.
 *
 * vm_create() is a list of steps, each of which opens or allocates one kind
 * of thing; vm_destroy() releases whatever is there, so that it serves a
 * machine whose construction stopped half way as well.
 */
#include "vmm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/arch.h"
#include "vmm/jail.h"
#include "vmm/sandbox.h"

/* A wrong option is for the user to mend, a limit that was reached is not. */
static bool is_limit(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOMEM;
}

static int no_file(const struct file_config *file, const char *what, int code,
		   struct error *err)
{
	const char *name = file->path != NULL ? file->path : "its descriptor";

	if (is_limit(code))
		return error_host(err, -code,
				  "cannot open the %s '%s': %s; raise the "
				  "limit on open files",
				  what, name, strerror(code));
	if (file->path == NULL)
		return error_usage(err,
				   "cannot use fd=%d as %s: %s; open it before "
				   "starting privet",
				   file->fd, what, strerror(code));
	return error_usage(err,
			   "cannot open the %s '%s': %s; check the path and "
			   "its permissions",
			   what, name, strerror(code));
}

static int open_file(const struct file_config *file, const char *what, int *out,
		     struct error *err)
{
	*out = -1;
	if (file->path == NULL && file->fd < 0)
		return 0;
	if (file->path == NULL)
		*out = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
	else
		*out = open(file->path, O_RDONLY | O_CLOEXEC);
	return *out < 0 ? no_file(file, what, errno, err) : 0;
}

static int open_images(struct vm *vm, struct error *err)
{
	int ret = open_file(&vm->cfg->kernel, "kernel", &vm->kernel_fd, err);

	if (ret == 0)
		ret = open_file(&vm->cfg->initrd, "initrd", &vm->initrd_fd,
				err);
	return ret;
}

static int open_kvm(struct vm *vm, struct error *err)
{
	return kvm_open(&vm->kvm, vm->cfg->kvm_path, err);
}

static int check_cpus(struct vm *vm, struct error *err)
{
	unsigned limit = arch_info.max_cpus;
	int kvm_limit = kvm_check_extension(&vm->kvm, KVM_CAP_MAX_VCPUS);

	/* A kernel that does not tell takes four (KVM's documentation). */
	if (kvm_limit == 0)
		kvm_limit = 4;
	limit = (unsigned)min_u64(limit, (uint64_t)kvm_limit);
	limit = (unsigned)min_u64(limit, vm->irqchip->ops->max_vcpus);
	if (vm->cfg->cpus > limit)
		return error_usage(err,
				   "--cpus %u: this host takes at most %u (KVM "
				   "%d, interrupt controller %s %u)",
				   vm->cfg->cpus, limit, kvm_limit,
				   vm->irqchip->ops->name,
				   vm->irqchip->ops->max_vcpus);
	return 0;
}

/*
 * The first that works here. NULL: @why has what the last one of them lacks,
 * or NULL where none has the name that was asked for.
 */
static const struct irqchip_ops *pick_irqchip(struct vm *vm, const char **why)
{
	const char *forced = vm->cfg->irqchip;

	*why = NULL;
	for (unsigned i = 0; arch_irqchips[i] != NULL; i++) {
		const struct irqchip_ops *ops = arch_irqchips[i];

		if (forced != NULL && strcmp(forced, ops->name) != 0)
			continue;
		*why = "it is unknown";
		if (ops->probe(&vm->kvm, why) > 0)
			return ops;
	}
	return NULL;
}

static int no_irqchip(const struct vm *vm, const char *why, struct error *err)
{
	const char *forced = vm->cfg->irqchip;

	if (forced != NULL && why == NULL)
		return error_usage(err,
				   "--irqchip %s: no such interrupt controller "
				   "on %s; 'privet host' lists them",
				   forced, arch_info.name);
	return error_set(err, -ENODEV, EXIT_STATUS_NO_KVM,
			 "cannot use interrupt controller %s: %s; leave "
			 "--irqchip out, or see 'privet host'",
			 forced != NULL ? forced : "(any)",
			 why != NULL ? why : "there is none");
}

static int create_irqchip(struct vm *vm, struct error *err)
{
	const char *why;
	const struct irqchip_ops *ops = pick_irqchip(vm, &why);

	if (ops == NULL)
		return no_irqchip(vm, why, err);

	int ret = ops->create(vm, &vm->irqchip, err);
	if (ret == 0)
		ret = check_cpus(vm, err);
	return ret;
}

static int create_vcpus(struct vm *vm, struct error *err)
{
	vm->vcpus = calloc(vm->cfg->cpus, sizeof(*vm->vcpus));
	if (vm->vcpus == NULL)
		return error_nomem(err, "the vCPUs");
	for (unsigned i = 0; i < vm->cfg->cpus; i++)
		vm->vcpus[i] = (struct vcpu){ .vm = vm, .id = i, .fd = -1 };
	return 0;
}

static int create_loop(struct vm *vm, struct error *err)
{
	return evloop_create(&vm->loop, err);
}

static void on_quit(void *opaque)
{
	vm_request_stop(opaque, VM_STOP_USER, 0,
			"ended from the console by the escape key");
}

/* A descriptor that listens is a server, whatever else it may be. */
static bool fd_listens(int fd)
{
	int listens = 0;
	socklen_t len = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
	       listens != 0;
}

static int open_consoles(struct vm *vm, struct error *err)
{
	const struct chardev_env env = {
		.loop = vm->loop,
		.log = vm->log,
		.quit = on_quit,
		.opaque = vm,
	};

	for (unsigned i = 0; i < vm->cfg->nr_consoles; i++) {
		const struct console_config *con = &vm->cfg->consoles[i];
		struct chardev_config backend = con->backend;

		if (backend.kind == CHARDEV_FD && fd_listens(backend.fd))
			backend.kind = CHARDEV_SOCKET;

		int ret = chardev_open(&env, con->text, &backend,
				       &vm->consoles[i], err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int create_device(struct vm *vm, const struct device_config *dc,
			 struct error *err)
{
	if (vm->nr_devices == VM_MAX_DEVICES)
		return error_usage(err, "too many devices: %u is the most",
				   VM_MAX_DEVICES);

	int ret = dc->type->create(vm, dc, &vm->devices[vm->nr_devices], err);
	if (ret == 0)
		vm->nr_devices++;
	return ret;
}

static int create_type(struct vm *vm, const struct device_type *type,
		       struct error *err)
{
	bool any = false;

	for (unsigned i = 0; i < vm->cfg->nr_devices; i++) {
		const struct device_config *dc = &vm->cfg->devices[i];

		if (dc->type != type)
			continue;
		any = true;

		int ret = create_device(vm, dc, err);
		if (ret < 0)
			return ret;
	}
	if (any || type->implied == NULL ||
	    !type->implied(vm, vm->cfg->nodefaults))
		return 0;
	return create_device(vm, &(struct device_config){ .type = type }, err);
}

static int create_types(struct vm *vm, const struct device_type *const *types,
			struct error *err)
{
	for (unsigned i = 0; types[i] != NULL; i++) {
		int ret = create_type(vm, types[i], err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int create_devices(struct vm *vm, struct error *err)
{
	int ret = create_types(vm, arch_device_types, err);

	return ret < 0 ? ret : create_types(vm, device_types, err);
}

bool vm_uses_pci(const struct vm *vm)
{
	if (vm->cfg->virtio_transport == VIRTIO_TRANSPORT_DEFAULT)
		return arch_info.virtio_pci;
	return vm->cfg->virtio_transport == VIRTIO_TRANSPORT_PCI;
}

static int create_sandbox(struct vm *vm, struct error *err)
{
	if (!vm->cfg->sandbox)
		return 0;

	int ret = jail_create(&vm->cfg->jail, &vm->jail, err);
	if (ret == 0)
		ret = sandbox_create(arch_sandbox_rules, vm->log, &vm->sandbox,
				     err);
	if (ret == 0)
		ret = sandbox_set_jail(vm->sandbox, vm->jail, err);
	return ret;
}

/* The largest size is the architecture's business. */
static int check_memory(struct vm *vm, struct error *err)
{
	unsigned long long mem = vm->cfg->mem;
	unsigned long long page = (unsigned long long)sysconf(_SC_PAGESIZE);

	if (mem < arch_info.min_mem)
		return error_usage(err,
				   "--mem: %llu bytes are too few, a %s guest "
				   "needs %llu MiB",
				   mem, arch_info.name,
				   (unsigned long long)arch_info.min_mem >> 20);
	if (mem % page != 0)
		return error_usage(err,
				   "--mem: %llu bytes are not a multiple of "
				   "the host's page size (%llu)",
				   mem, page);
	return 0;
}

/* In this order; each may rely on those before it. */
static int (*const build_steps[])(struct vm *vm, struct error *err) = {
	open_images,    open_kvm,       create_loop,    create_vcpus,
	check_memory,   arch_vm_init,   create_irqchip, open_consoles,
	create_devices, create_sandbox,
};

int vm_create(const struct vm_config *cfg, struct log *log, struct vm **out,
	      struct error *err)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	if (vm == NULL)
		return error_nomem(err, "the machine");

	vm->cfg = cfg;
	vm->log = log;
	vm->kvm.fd = -1;
	vm->kvm.vm_fd = -1;
	vm->status_fd = -1;
	vm->kernel_fd = -1;
	vm->initrd_fd = -1;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->cond, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(build_steps); i++) {
		int ret = build_steps[i](vm, err);

		if (ret < 0) {
			vm_destroy(vm);
			return ret;
		}
	}
	mmio_freeze(&vm->mmio);
	vm->frozen = true;
	*out = vm;
	return 0;
}

void vm_destroy(struct vm *vm)
{
	if (vm == NULL)
		return;
	for (unsigned i = vm->nr_devices; i-- > 0;)
		vm->devices[i]->type->destroy(vm->devices[i]);
	for (unsigned i = 0; i < CONFIG_MAX_CONSOLES; i++) {
		if (vm->consoles[i] != NULL)
			chardev_close(vm->consoles[i]);
	}
	if (vm->irqchip != NULL)
		vm->irqchip->ops->destroy(vm->irqchip);
	arch_vm_destroy(vm);
	gmem_destroy(&vm->gmem);
	evloop_destroy(vm->loop);
	free(vm->vcpus);
	kvm_close(&vm->kvm);
	sandbox_destroy(vm->sandbox);
	jail_destroy(vm->jail);
	if (vm->status_fd >= 0)
		close(vm->status_fd);
	if (vm->kernel_fd >= 0)
		close(vm->kernel_fd);
	if (vm->initrd_fd >= 0)
		close(vm->initrd_fd);
	pthread_cond_destroy(&vm->cond);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}
