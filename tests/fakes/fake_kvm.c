/* SPDX-License-Identifier: Apache-2.0 */
/* A fake KVM. */
#include "tests/fakes/fake_kvm.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/fakes/fake_kvm_special.h"
#include "vmm/bytes.h"
#include "vmm/kvm_sys.h"
#include "vmm/util.h"
#include "vmm/vcpu.h"

#define MAX_FDS  1024
#define MAX_CAPS 512
#define RUN_SIZE 4096
#define MAX_IRQS 1024

enum kind {
	KIND_NONE,
	KIND_SYSTEM,
	KIND_VM,
	KIND_VCPU,
	KIND_DEVICE,
};

struct reg {
	uint64_t id;
	uint8_t value[256];
	int refuse;
	int refuse_set;
};

struct regs {
	struct reg regs[FAKE_MAX_REGS];
	unsigned count;
};

struct script {
	struct fake_exit exits[FAKE_MAX_EXITS];
	unsigned count;
	unsigned next;
	const struct fake_exit *open;
};

struct vcpu_state_fake {
	struct regs regs;
	struct script script;
	struct kvm_run *run;
	struct kvm_regs general;
	bool running;
	uint32_t mp_state;
	unsigned interrupt;
};

struct binding {
	bool used;
	int fd;
	uint64_t key;
	struct kvm_ioeventfd ioev;
};

struct attr {
	uint32_t group;
	uint64_t attr;
	uint64_t value;
};

static struct fake {
	pthread_mutex_t lock;
	enum kind kinds[MAX_FDS];
	unsigned fd_vcpu[MAX_FDS];
	int caps[MAX_CAPS];
	struct regs defaults;
	struct vcpu_state_fake vcpus[FAKE_MAX_VCPUS];
	struct binding irqfds[FAKE_MAX_BINDINGS];
	struct binding ioevs[FAKE_MAX_BINDINGS];
	struct attr attrs[FAKE_MAX_ATTRS];
	unsigned nr_attrs;
	bool levels[MAX_IRQS];
	unsigned edges[MAX_IRQS];
	struct kvm_msi msi;
	unsigned nr_msis;
	unsigned calls;
	unsigned fail_nth;
	int fail_error;
	bool failed;
	bool eager;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

void fake_kvm_reset(void)
{
	static const int caps[] = {
		KVM_CAP_IOEVENTFD,   KVM_CAP_IRQFD,    KVM_CAP_ONE_REG,
		KVM_CAP_DEVICE_CTRL, KVM_CAP_MP_STATE, KVM_CAP_IMMEDIATE_EXIT,
		KVM_CAP_USER_MEMORY,
	};

	for (int fd = 0; fd < MAX_FDS; fd++) {
		if (fake.kinds[fd] != KIND_NONE)
			close(fd);
	}
	memset(&fake, 0, sizeof(fake));
	fake_special_reset();
	pthread_mutex_init(&fake.lock, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++)
		fake.caps[caps[i]] = 1;
	fake.caps[KVM_CAP_MAX_VCPUS] = FAKE_MAX_VCPUS;
	fake.caps[KVM_CAP_NR_VCPUS] = FAKE_MAX_VCPUS;
}

void fake_kvm_set_cap(unsigned cap, int value)
{
	fake.caps[cap] = value;
}

void fake_kvm_fail_nth(unsigned nth, int error)
{
	fake.calls = 0;
	fake.fail_nth = nth;
	fake.fail_error = error;
	fake.failed = false;
}

bool fake_kvm_failed(void)
{
	return fake.failed;
}

/* Counts a call; true when it is the one that fails. */
static bool fails(void)
{
	unsigned call = __atomic_add_fetch(&fake.calls, 1, __ATOMIC_SEQ_CST);

	if (fake.fail_nth == 0 || call != fake.fail_nth)
		return false;
	fake.failed = true;
	return true;
}

static int new_fd(enum kind kind, unsigned vcpu)
{
	/* Not memfd_create(), which may be made to fail. */
	int fd = (int)syscall(SYS_memfd_create, "fake-kvm", MFD_CLOEXEC);

	if (fd < 0 || fd >= MAX_FDS || ftruncate(fd, RUN_SIZE) < 0)
		abort();
	fake.kinds[fd] = kind;
	fake.fd_vcpu[fd] = vcpu;
	return fd;
}

int fake_kvm_open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < MAX_FDS; fd++)
		count += fake.kinds[fd] != KIND_NONE;
	return count;
}

/*
 * Registers.
 */

static size_t reg_size(uint64_t id)
{
	return (size_t)1 << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

static struct reg *find_reg(struct regs *regs, uint64_t id, bool create)
{
	for (unsigned i = 0; i < regs->count; i++) {
		if (regs->regs[i].id == id)
			return &regs->regs[i];
	}
	if (!create)
		return NULL;
	if (regs->count == FAKE_MAX_REGS)
		abort();
	regs->regs[regs->count].id = id;
	return &regs->regs[regs->count++];
}

void fake_kvm_set_default_reg(uint64_t id, uint64_t value)
{
	le64_store(find_reg(&fake.defaults, id, true)->value, value);
}

void fake_kvm_refuse_reg(uint64_t id, int error)
{
	find_reg(&fake.defaults, id, true)->refuse = error;
	for (unsigned i = 0; i < FAKE_MAX_VCPUS; i++)
		find_reg(&fake.vcpus[i].regs, id, true)->refuse = error;
}

void fake_kvm_refuse_set(unsigned vcpu, uint64_t id, int error)
{
	find_reg(&fake.vcpus[vcpu].regs, id, true)->refuse_set = error;
}

bool fake_kvm_reg(unsigned vcpu, uint64_t id, uint64_t *value)
{
	struct reg *reg = find_reg(&fake.vcpus[vcpu].regs, id, false);

	if (reg == NULL)
		return false;
	*value = le64_load(reg->value);
	return true;
}

void fake_kvm_set_reg(unsigned vcpu, uint64_t id, uint64_t value)
{
	le64_store(find_reg(&fake.vcpus[vcpu].regs, id, true)->value, value);
}

static int access_reg(struct vcpu_state_fake *vcpu, struct kvm_one_reg *one,
		      bool set)
{
	struct reg *reg = find_reg(&vcpu->regs, one->id, false);
	size_t size = reg_size(one->id);

	if (reg == NULL || size > sizeof(reg->value))
		return -ENOENT;
	if (reg->refuse != 0)
		return reg->refuse;
	if (set && reg->refuse_set != 0)
		return reg->refuse_set;
	if (set)
		memcpy(reg->value, (void *)(uintptr_t)one->addr, size);
	else
		memcpy((void *)(uintptr_t)one->addr, reg->value, size);
	return 0;
}

static int list_regs(struct vcpu_state_fake *vcpu, struct kvm_reg_list *list)
{
	unsigned room = (unsigned)list->n;

	list->n = vcpu->regs.count;
	if (room < vcpu->regs.count)
		return -E2BIG;
	for (unsigned i = 0; i < vcpu->regs.count; i++)
		list->reg[i] = vcpu->regs.regs[i].id;
	return 0;
}

/*
 * Running.
 */

void fake_kvm_script(unsigned vcpu, const struct fake_exit *exits,
		     unsigned count)
{
	struct script *script = &fake.vcpus[vcpu].script;

	if (count > FAKE_MAX_EXITS)
		abort();
	memcpy(script->exits, exits, count * sizeof(*exits));
	script->count = count;
	script->next = 0;
	script->open = NULL;
}

void fake_kvm_eager(bool eager)
{
	fake.eager = eager;
}

unsigned fake_kvm_script_left(unsigned vcpu)
{
	struct script *script = &fake.vcpus[vcpu].script;

	return script->count - script->next;
}

static bool ioeventfd_takes(const struct kvm_run *run)
{
	if (run->exit_reason != KVM_EXIT_MMIO || !run->mmio.is_write)
		return false;

	uint64_t value = 0;
	memcpy(&value, run->mmio.data, min_size(run->mmio.len, 8));

	bool taken = false;
	pthread_mutex_lock(&fake.lock);
	for (unsigned i = 0; i < FAKE_MAX_BINDINGS; i++) {
		const struct kvm_ioeventfd *e = &fake.ioevs[i].ioev;

		if (!fake.ioevs[i].used || e->addr != run->mmio.phys_addr ||
		    (e->len != 0 && e->len != run->mmio.len) ||
		    ((e->flags & KVM_IOEVENTFD_FLAG_DATAMATCH) != 0 &&
		     e->datamatch != value))
			continue;
		uint64_t one = 1;
		taken = write(e->fd, &one, sizeof(one)) == sizeof(one);
	}
	pthread_mutex_unlock(&fake.lock);
	return taken;
}

/* Waits for a kick without a window in which one could be lost. */
static int wait_for_kick(struct kvm_run *run)
{
	sigset_t block, old;

	sigemptyset(&block);
	sigaddset(&block, VCPU_KICK_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	sigdelset(&old, VCPU_KICK_SIGNAL);
	while (!__atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST))
		sigsuspend(&old);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -EINTR;
}

static int run_vcpu(struct vcpu_state_fake *vcpu)
{
	struct script *script = &vcpu->script;
	struct kvm_run *run = vcpu->run;

	if (script->open != NULL && script->open->finish != NULL)
		script->open->finish(run, script->open->arg);
	script->open = NULL;
	if (!fake.eager &&
	    __atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST))
		return -EINTR;
	while (script->next < script->count) {
		const struct fake_exit *e = &script->exits[script->next++];
		int ret = e->prepare(run, e->arg);

		if (ret == 0 && ioeventfd_takes(run))
			continue;
		script->open = e;
		return ret;
	}
	return wait_for_kick(run);
}

/*
 * Bindings and devices.
 */

static int bind(struct binding *table, int fd, uint64_t key, bool remove,
		const struct kvm_ioeventfd *ioev)
{
	struct binding *slot = NULL;

	for (unsigned i = 0; i < FAKE_MAX_BINDINGS; i++) {
		struct binding *b = &table[i];

		if (!b->used) {
			slot = slot == NULL ? b : slot;
			continue;
		}
		if (b->fd != fd || b->key != key)
			continue;
		if (!remove)
			return -EBUSY;
		b->used = false;
		return 0;
	}
	if (remove)
		return -ENOENT;
	if (slot == NULL)
		abort();
	*slot = (struct binding){ .used = true, .fd = fd, .key = key };
	if (ioev != NULL)
		slot->ioev = *ioev;
	return 0;
}

int fake_kvm_irqfd(unsigned gsi)
{
	for (unsigned i = 0; i < FAKE_MAX_BINDINGS; i++) {
		if (fake.irqfds[i].used && fake.irqfds[i].key == gsi)
			return fake.irqfds[i].fd;
	}
	return -1;
}

unsigned fake_kvm_ioeventfds(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < FAKE_MAX_BINDINGS; i++)
		count += fake.ioevs[i].used;
	return count;
}

static struct attr *find_attr(uint32_t group, uint64_t attr, bool create)
{
	for (unsigned i = 0; i < fake.nr_attrs; i++) {
		struct attr *a = &fake.attrs[i];

		if (a->group == group && a->attr == attr)
			return a;
	}
	if (!create)
		return NULL;
	if (fake.nr_attrs == FAKE_MAX_ATTRS)
		abort();
	fake.attrs[fake.nr_attrs] =
		(struct attr){ .group = group, .attr = attr };
	return &fake.attrs[fake.nr_attrs++];
}

bool fake_kvm_attr(uint32_t group, uint64_t attr, uint64_t *value)
{
	struct attr *a = find_attr(group, attr, false);

	if (a == NULL)
		return false;
	*value = a->value;
	return true;
}

void fake_kvm_set_attr(uint32_t group, uint64_t attr, uint64_t value)
{
	find_attr(group, attr, true)->value = value;
}

/*
 * How many bytes an attribute has is known to the caller only. Values are
 * little-endian here, so four bytes of eight are a u32; the AIA's groups 0
 * and 3 and the XICS's group 2 are u32, group 1 of both and the AIA's group 4
 * are u64 (Documentation/virt/kvm/devices).
 */
static size_t attr_size(uint32_t group)
{
	return group == 0 || group == 2 || group == 3 ? 4 : 8;
}

static int device_attr(unsigned long request, struct kvm_device_attr *a)
{
	void *user = (void *)(uintptr_t)a->addr;

	if (request == KVM_HAS_DEVICE_ATTR)
		return 0;

	struct attr *attr =
		find_attr(a->group, a->attr, request == KVM_SET_DEVICE_ATTR);
	uint8_t raw[8] = { 0 };

	if (request == KVM_SET_DEVICE_ATTR) {
		if (user != NULL)
			memcpy(raw, user, attr_size(a->group));
		attr->value = le64_load(raw);
		return 0;
	}
	le64_store(raw, attr == NULL ? 0 : attr->value);
	memcpy(user, raw, attr_size(a->group));
	return 0;
}

bool fake_kvm_line(unsigned irq, unsigned *edges)
{
	if (edges != NULL)
		*edges = fake.edges[irq];
	return fake.levels[irq];
}

static int irq_line(const struct kvm_irq_level *line)
{
	if (line->irq >= MAX_IRQS)
		return -EINVAL;
	pthread_mutex_lock(&fake.lock);
	if (line->level && !fake.levels[line->irq])
		fake.edges[line->irq]++;
	fake.levels[line->irq] = line->level != 0;
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

unsigned fake_kvm_msis(uint64_t *addr, uint32_t *data)
{
	if (addr != NULL)
		*addr = (uint64_t)fake.msi.address_hi << 32 |
			fake.msi.address_lo;
	if (data != NULL)
		*data = fake.msi.data;
	return fake.nr_msis;
}

static int signal_msi(const struct kvm_msi *msi)
{
	pthread_mutex_lock(&fake.lock);
	fake.msi = *msi;
	fake.nr_msis++;
	pthread_mutex_unlock(&fake.lock);
	return 1;
}

unsigned fake_kvm_interrupt(unsigned vcpu)
{
	return fake.vcpus[vcpu].interrupt;
}

uint32_t fake_kvm_mp_state(unsigned vcpu)
{
	return fake.vcpus[vcpu].mp_state;
}

/*
 * The calls.
 */

static int new_vcpu(unsigned id)
{
	if (id >= FAKE_MAX_VCPUS)
		return -EINVAL;

	struct vcpu_state_fake *vcpu = &fake.vcpus[id];
	vcpu->regs = fake.defaults;
	memset(&vcpu->general, 0, sizeof(vcpu->general));
	vcpu->mp_state = id == 0 ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_STOPPED;
	vcpu->interrupt = 0;
	return new_fd(KIND_VCPU, id);
}

int fake_kvm_vcpu_fd(unsigned vcpu)
{
	return new_vcpu(vcpu);
}

/* What an earlier one did not unbind went away with it. */
static int new_vm(void)
{
	memset(fake.irqfds, 0, sizeof(fake.irqfds));
	memset(fake.ioevs, 0, sizeof(fake.ioevs));
	return new_fd(KIND_VM, 0);
}

static int system_ioctl(unsigned long request, uintptr_t arg)
{
	if (request == KVM_GET_API_VERSION)
		return KVM_API_VERSION;
	if (request == KVM_GET_VCPU_MMAP_SIZE)
		return RUN_SIZE;
	if (request == KVM_CHECK_EXTENSION)
		return arg < MAX_CAPS ? fake.caps[arg] : 0;
	if (request == KVM_CREATE_VM)
		return new_vm();
	return -ENOTTY;
}

static int vm_ioctl(unsigned long request, uintptr_t arg)
{
	if (request == KVM_CHECK_EXTENSION)
		return arg < MAX_CAPS ? fake.caps[arg] : 0;
	if (request == KVM_SET_USER_MEMORY_REGION)
		return 0;
	if (request == KVM_CREATE_VCPU)
		return new_vcpu((unsigned)arg);
	if (request == KVM_ENABLE_CAP)
		return fake_special_enable((const void *)arg);
	if (request == KVM_IRQ_LINE)
		return irq_line((void *)arg);
	if (request == KVM_SIGNAL_MSI)
		return signal_msi((void *)arg);
	if (request == KVM_CREATE_DEVICE) {
		struct kvm_create_device *device = (void *)arg;

		device->fd = (uint32_t)new_fd(KIND_DEVICE, 0);
		return 0;
	}
	if (request == KVM_IRQFD) {
		struct kvm_irqfd *i = (void *)arg;

		return bind(fake.irqfds, (int)i->fd, i->gsi,
			    (i->flags & KVM_IRQFD_FLAG_DEASSIGN) != 0, NULL);
	}
	if (request == KVM_IOEVENTFD) {
		struct kvm_ioeventfd *e = (void *)arg;

		return bind(fake.ioevs, e->fd, e->addr ^ (e->datamatch << 48),
			    (e->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) != 0, e);
	}
	return fake_special_ioctl(request, arg);
}

/* Whether it is about registers, which are out of reach during KVM_RUN. */
static bool needs_rest(unsigned long request)
{
	return request == KVM_GET_ONE_REG || request == KVM_SET_ONE_REG ||
	       request == KVM_GET_REGS || request == KVM_SET_REGS;
}

static int enter(struct vcpu_state_fake *vcpu)
{
	__atomic_store_n(&vcpu->running, true, __ATOMIC_SEQ_CST);
	int ret = run_vcpu(vcpu);
	__atomic_store_n(&vcpu->running, false, __ATOMIC_SEQ_CST);
	return ret;
}

static int vcpu_ioctl(struct vcpu_state_fake *vcpu, unsigned long request,
		      uintptr_t arg)
{
	struct kvm_mp_state *mp = (void *)arg;

	if (request == KVM_RUN)
		return enter(vcpu);
	if (needs_rest(request) &&
	    __atomic_load_n(&vcpu->running, __ATOMIC_SEQ_CST))
		abort();
	if (request == KVM_ENABLE_CAP)
		return fake_special_enable((const void *)arg);
	if (request == KVM_GET_REGS) {
		memcpy((void *)arg, &vcpu->general, sizeof(vcpu->general));
		return 0;
	}
	if (request == KVM_SET_REGS) {
		memcpy(&vcpu->general, (const void *)arg,
		       sizeof(vcpu->general));
		return 0;
	}
	if (request == KVM_GET_ONE_REG || request == KVM_SET_ONE_REG)
		return access_reg(vcpu, (void *)arg,
				  request == KVM_SET_ONE_REG);
	if (request == KVM_GET_REG_LIST)
		return list_regs(vcpu, (void *)arg);
	if (request == KVM_INTERRUPT) {
		vcpu->interrupt = ((struct kvm_interrupt *)arg)->irq;
		return 0;
	}
	if (request == KVM_GET_MP_STATE) {
		mp->mp_state = vcpu->mp_state;
		return 0;
	}
	if (request == KVM_SET_MP_STATE) {
		vcpu->mp_state = mp->mp_state;
		return 0;
	}
	return fake_special_ioctl(request, arg);
}

int kvm_sys_open(const char *path)
{
	if (fails())
		return fake.fail_error;
	if (strcmp(path, "/dev/kvm") != 0)
		return -ENOENT;
	return new_fd(KIND_SYSTEM, 0);
}

int kvm_sys_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	if (fd < 0 || fd >= MAX_FDS)
		return -EBADF;
	/* What asks may fail too, but nothing hangs on it; running is scripted.
	 */
	if (request != KVM_CHECK_EXTENSION && request != KVM_RUN && fails())
		return fake.fail_error;
	if (fake_special_refusal(request) != 0)
		return fake_special_refusal(request);
	switch (fake.kinds[fd]) {
	case KIND_SYSTEM:
		return system_ioctl(request, arg);
	case KIND_VM:
		return vm_ioctl(request, arg);
	case KIND_VCPU:
		return vcpu_ioctl(&fake.vcpus[fake.fd_vcpu[fd]], request, arg);
	case KIND_DEVICE:
		return device_attr(request, (void *)arg);
	case KIND_NONE:
		break;
	}
	return -EBADF;
}

int kvm_sys_mmap(int fd, size_t size, void **out)
{
	if (fails())
		return fake.fail_error;

	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	fake.vcpus[fake.fd_vcpu[fd]].run = map;
	*out = map;
	return 0;
}

void kvm_sys_munmap(void *map, size_t size)
{
	munmap(map, size);
}

void kvm_sys_close(int fd)
{
	if (fd < 0 || fd >= MAX_FDS || fake.kinds[fd] == KIND_NONE)
		abort();
	fake.kinds[fd] = KIND_NONE;
	close(fd);
}
