/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread or a helper process dies: a fault of memory under a thread ends the
 * monitor by that signal, at once, whichever thread it is; without the guard a
 * terminal is left alone.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>

#include "devices/table.h"
#include "devices/virtio_blk.h"
#include "tests/unit/fault_fixture.h"
#include "vmm/signals.h"
#include "vmm/term.h"

/*
 * Signals that a fault raises. Each child is a monitor with four vCPUs, of
 * which one faults while the others are in the guest.
 */

/* What a host's bad memory is like, or a file under a mapping that shrank. */
static void touch_lost_page(void)
{
	int fd = memfd_create("lost", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		_exit(90);
	volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || ftruncate(fd, 0) < 0)
		_exit(91);
	(void)page[0];
}

static void fault(int signal)
{
	if (signal == 0)
		touch_lost_page();
	else
		raise(signal);
}

/*
 * A disk's worker faults in the middle of a read, which is made in place of a
 * guest's request.
 */

/* What the next read raises, as fault() takes it; -1: nothing. */
static int read_fault = -1;

ssize_t preadv(int fd, const struct iovec *iov, int count, off_t offset)
{
	if (read_fault >= 0) {
		fault(read_fault);
		_exit(96);
	}
	return syscall(SYS_preadv, fd, iov, count, offset, 0L);
}

/**
 * struct disk_fault - A read to come
 * @work: what submits it
 */
struct disk_fault {
	struct ev_work work;
	struct vm *vm;
	struct disk_request req;
	struct iovec iov;
	uint8_t buf[512];
};

static void submit_read(struct ev_work *work)
{
	struct disk_fault *d = container_of(work, struct disk_fault, work);

	d->iov = (struct iovec){ d->buf, sizeof(d->buf) };
	d->req = (struct disk_request){
		.op = DISK_READ,
		.iov = &d->iov,
		.nr_iov = 1,
		.length = sizeof(d->buf),
	};
	for (unsigned i = 0; i < d->vm->nr_devices; i++) {
		struct device *dev = d->vm->devices[i];

		if (dev->type != &virtio_blk_device)
			continue;
		pthread_mutex_lock(&dev->lock);
		disk_submit(to_blk(container_of(dev, struct virtio_device, dev))
				    ->disk,
			    &d->req);
		pthread_mutex_unlock(&dev->lock);
		return;
	}
	_exit(97);
}

static void arm_disk(struct disk_fault *d, struct vm *vm, int signal)
{
	d->vm = vm;
	read_fault = signal;
}

static void fault_in_loop(struct ev_work *work)
{
	(void)work;
	touch_lost_page();
	_exit(93);
}

static int fault_at_exit(struct kvm_run *run, void *arg)
{
	(void)run;
	fault((int)(intptr_t)arg);
	_exit(92);
}

/** enum where - Which thread faults: vCPU 0's, the loop's or a disk's */
enum where {
	IN_VCPU,
	IN_LOOP,
	IN_DISK,
};

/* @signal: as fault() takes it; in the loop, only 0 */
static _Noreturn void be_a_monitor(int signal, enum where where)
{
	static const int defaults[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE,
					SIGABRT };
	const struct rlimit no_core = { 0 };
	const struct fake_exit exit = { fault_at_exit, NULL,
					(void *)(intptr_t)signal };
	struct ev_work work = { .fn = fault_in_loop };
	struct disk_fault disk = { .work.fn = submit_read };
	struct vm_result result;
	struct vm_config cfg;
	struct error err = { 0 };
	struct signals signals;
	struct vm *vm = NULL;
	struct fixture f;

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &no_core);
	fixture_init(&f, "--sandbox off --cpus 4");
	/* A sanitizer has handlers of its own for some. */
	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
		struct sigaction action = { .sa_handler = SIG_DFL };

		sigaction(defaults[i], &action, NULL);
	}
	alarm(10);
	if (signals_init(&signals, &err) < 0 || parse(&f, &cfg, &err) < 0 ||
	    vm_create(&cfg, &f.log, &vm, &err) < 0 ||
	    signals_watch(&signals, vm, &err) < 0)
		_exit(94);
	if (where == IN_DISK)
		arm_disk(&disk, vm, signal);
	if (where == IN_VCPU)
		fake_kvm_script(0, &exit, 1);
	else
		evloop_post(vm->loop, where == IN_LOOP ? &work : &disk.work);
	vm_run(vm, &result, &err);
	_exit(95);
}

static int run_monitor(int signal, enum where where)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		be_a_monitor(signal, where);
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return status;
}

static void assert_killed(int status, int signal)
{
	if (!WIFSIGNALED(status) || WTERMSIG(status) != signal)
		fail_msg("status 0x%x, not signal %d", (unsigned)status,
			 signal);
}

static const int signals_of_faults[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE,
					 SIGABRT };

static void each_signal(enum where where)
{
	assert_killed(run_monitor(0, where), SIGBUS);
	for (size_t i = 0; i < ARRAY_SIZE(signals_of_faults); i++) {
		int signal = signals_of_faults[i];

		assert_killed(run_monitor(signal, where), signal);
	}
}

static void fault_of_a_vcpu_thread(void **state)
{
	(void)state;
	each_signal(IN_VCPU);
}

static void fault_of_the_io_thread(void **state)
{
	(void)state;
	assert_killed(run_monitor(0, IN_LOOP), SIGBUS);
}

/* Nobody waits for a worker that is gone, nor for what it had in hand. */
static void fault_of_a_disk_thread(void **state)
{
	(void)state;
	each_signal(IN_DISK);
}

/*
 * The terminal's guard.
 */

struct terminal {
	int master;
	int slave;
	struct term *term;
	pid_t guard;
};

static bool is_raw(const struct terminal *t)
{
	struct termios now;

	assert_int_equal(tcgetattr(t->slave, &now), 0);
	return (now.c_lflag & ICANON) == 0;
}

/* The only child of this process. */
static pid_t find_guard(void)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());

	FILE *f = fopen(path, "re");
	if (f == NULL || fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	if (f != NULL)
		fclose(f);
	return (pid_t)strtol(text, NULL, 10);
}

static void open_terminal(struct terminal *t)
{
	struct error err = { 0 };

	alarm(DEADLINE);
	signal(SIGPIPE, SIG_IGN);
	t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(grantpt(t->master), 0);
	assert_int_equal(unlockpt(t->master), 0);
	t->slave = open(ptsname(t->master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(t->slave >= 0);
	assert_int_equal(term_open(t->slave, &t->term, &err), 0);
	t->guard = find_guard();
	if (t->guard == 0) {
		term_close(t->term);
		close(t->slave);
		close(t->master);
		skip_because("/proc does not tell a process's children here");
	}
}

static void kill_guard(const struct terminal *t)
{
	siginfo_t info;

	assert_int_equal(kill(t->guard, SIGKILL), 0);
	/* It stays to be reaped by term_close(). */
	assert_int_equal(
		waitid(P_PID, (id_t)t->guard, &info, WEXITED | WNOWAIT), 0);
}

static void close_terminal(struct terminal *t)
{
	term_close(t->term);
	assert_false(is_raw(t));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	close(t->slave);
	close(t->master);
	alarm(0);
}

/* Nobody would give it back if the monitor were killed. */
static void terminal_stays_as_it_is_without_its_guard(void **state)
{
	struct terminal t;
	struct error err = { 0 };

	(void)state;
	open_terminal(&t);
	kill_guard(&t);
	assert_int_equal(term_raw(t.term, &err), -EPIPE);
	assert_one_line(&err);
	assert_false(is_raw(&t));
	close_terminal(&t);
}

static void raw_terminal_comes_back_without_its_guard(void **state)
{
	struct terminal t;
	struct error err = { 0 };

	(void)state;
	open_terminal(&t);
	assert_int_equal(term_raw(t.term, &err), 0);
	assert_true(is_raw(&t));
	kill_guard(&t);
	close_terminal(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_of_a_vcpu_thread),
		cmocka_unit_test(fault_of_the_io_thread),
		cmocka_unit_test(fault_of_a_disk_thread),
		cmocka_unit_test(terminal_stays_as_it_is_without_its_guard),
		cmocka_unit_test(raw_terminal_comes_back_without_its_guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
