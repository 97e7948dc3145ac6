/* SPDX-License-Identifier: Apache-2.0 */
/* Signals to the process. */
#include "vmm/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "vmm/vm.h"

static void on_kick(int signal)
{
	(void)signal;
}

/* A kick must interrupt KVM_RUN, so it needs a handler, and no SA_RESTART. */
static void setup_kick_signal(void)
{
	struct sigaction action = { .sa_handler = on_kick };

	sigemptyset(&action.sa_mask);
	sigaction(VCPU_KICK_SIGNAL, &action, NULL);
}

static void on_grace(struct ev_timer *timer)
{
	struct signals *s = container_of(timer, struct signals, grace);

	vm_request_stop(s->vm, VM_STOP_USER, 0,
			"ended %llu s after its power button was pressed "
			"(--grace): the guest had not shut down",
			(unsigned long long)s->vm->cfg->grace_s);
}

static void start_grace(struct signals *s)
{
	uint64_t grace_s = s->vm->cfg->grace_s;

	s->asked = true;
	if (grace_s == 0) {
		log_info(s->vm->log,
			 "SIGTERM: pressed the guest's power button; a second "
			 "SIGTERM ends it at once");
		return;
	}
	log_info(s->vm->log,
		 "SIGTERM: pressed the guest's power button; it has %llu s to "
		 "shut down (--grace); a second SIGTERM ends it at once",
		 (unsigned long long)grace_s);
	ev_timer_set(&s->grace, grace_s * NSEC_PER_SEC);
}

static void on_term(struct signals *s, const struct signalfd_siginfo *info)
{
	if (s->asked)
		vm_request_stop(s->vm, VM_STOP_USER, 0,
				"ended by a second SIGTERM: the guest had not "
				"shut down since the first");
	else if (vm_press_power_button(s->vm))
		start_grace(s);
	else
		vm_request_stop(s->vm, VM_STOP_USER, 0,
				"ended by signal %u (%s): nothing in the guest "
				"listens to its power button",
				info->ssi_signo, strsignal(SIGTERM));
}

static void on_end(struct signals *s, const struct signalfd_siginfo *info)
{
	vm_request_stop(s->vm, VM_STOP_USER, 0, "ended by signal %u (%s)",
			info->ssi_signo, strsignal((int)info->ssi_signo));
}

static void on_terminal(struct signals *s, const struct signalfd_siginfo *info)
{
	(void)info;
	for (unsigned i = 0; i < s->vm->cfg->nr_consoles; i++)
		chardev_refresh(s->vm->consoles[i]);
}

static const struct taken {
	int signal;
	void (*fn)(struct signals *s, const struct signalfd_siginfo *info);
} taken[] = {
	{ SIGTERM, on_term },      { SIGINT, on_end },
	{ SIGHUP, on_end },        { SIGQUIT, on_end },
	{ SIGWINCH, on_terminal }, { SIGCONT, on_terminal },
};

static void on_signal(struct ev_source *src, uint32_t events)
{
	struct signals *s = container_of(src, struct signals, src);
	struct signalfd_siginfo info;

	(void)events;
	if (read(src->fd, &info, sizeof(info)) != sizeof(info))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		if (taken[i].signal == (int)info.ssi_signo)
			taken[i].fn(s, &info);
	}
}

/* As nohup does with SIGHUP, and a script's shell with SIGINT for `&`. */
static bool is_ignored(int signal)
{
	struct sigaction action;

	return sigaction(signal, NULL, &action) == 0 &&
	       action.sa_handler == SIG_IGN;
}

int signals_init(struct signals *s, struct error *err)
{
	sigset_t set;

	*s = (struct signals){ 0 };
	setup_kick_signal();
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		if (!is_ignored(taken[i].signal))
			sigaddset(&set, taken[i].signal);
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* A reader that goes away is an error of write(), not the end. */
	signal(SIGPIPE, SIG_IGN);
	/* So is a file that grew to the limit. */
	signal(SIGXFSZ, SIG_IGN);
	/* In the background the console does without its terminal. */
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);

	s->src = (struct ev_source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.events = EPOLLIN,
		.fn = on_signal,
	};
	if (s->src.fd < 0)
		return error_host(err, -errno,
				  "cannot create a signalfd: %s; raise the "
				  "limit on open files",
				  strerror(errno));
	return 0;
}

int signals_watch(struct signals *s, struct vm *vm, struct error *err)
{
	int ret = ev_timer_init(&s->grace, vm->loop, on_grace, NULL);
	if (ret < 0)
		return error_host(err, ret,
				  "cannot create the timer of --grace: %s; "
				  "raise the limit on open files",
				  strerror(-ret));

	ret = evloop_add(vm->loop, &s->src);
	if (ret < 0)
		return error_host(err, ret, "cannot watch a signalfd: %s",
				  strerror(-ret));
	s->vm = vm;
	return 0;
}

void signals_fini(struct signals *s)
{
	ev_timer_destroy(&s->grace);
	if (s->vm != NULL)
		evloop_remove(s->vm->loop, &s->src);
	s->vm = NULL;
	if (s->src.fn != NULL && s->src.fd >= 0)
		close(s->src.fd);
	s->src.fd = -1;
}
