/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which thread may make which system calls, on any architecture.
 *
 * A role is given what its code calls, and what the C library calls on its
 * behalf. There is no open, no socket, no exec, and no executable memory in
 * any of them. Main makes the threads of vCPUs, which inherit its rules:
 * whatever a vCPU may do, main may.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>

#include "vmm/sandbox.h"

#define MAIN SANDBOX_BIT(SANDBOX_MAIN)
#define VCPU (SANDBOX_BIT(SANDBOX_VCPU) | MAIN)
#define IO   SANDBOX_BIT(SANDBOX_IO)
#define DISK SANDBOX_BIT(SANDBOX_DISK)
#define ALL  (VCPU | IO | DISK)

/* Restores the terminal when the monitor is dead; nothing else. */
#define GUARD SANDBOX_BIT(SANDBOX_GUARD)

#define IOCTL(request, roles)                             \
	{                                                 \
		"ioctl", (roles), SANDBOX_ARG1, (request) \
	}

/*
 * The C library's struct termios is larger than the kernel's, and where a
 * request says its size, the library asks with the kernel's: four words, 19
 * characters, the line discipline, two speeds.
 */
#define KERNEL_TERMIOS_SIZE 44U
#define TERMIOS(request)                                       \
	(_IOC_SIZE(request) == 0                               \
		 ? (request)                                   \
		 : _IOC(_IOC_DIR(request), _IOC_TYPE(request), \
			_IOC_NR(request), KERNEL_TERMIOS_SIZE))

/* TCGETS2 and TCSETS2, which newer C libraries ask for instead. */
#define GET_TERMIOS2 _IOC(_IOC_READ, 'T', 0x2a, KERNEL_TERMIOS_SIZE)
#define SET_TERMIOS2 _IOC(_IOC_WRITE, 'T', 0x2b, KERNEL_TERMIOS_SIZE)

const struct sandbox_rule sandbox_rules[] = {
	/* Locks, memory, and the end of a thread. */
	{ "futex", ALL, SANDBOX_ANY, 0 },
	{ "mmap", ALL, SANDBOX_NO_EXEC, 0 },
	{ "mprotect", ALL, SANDBOX_NO_EXEC, 0 },
	{ "munmap", ALL, SANDBOX_ANY, 0 },
	{ "madvise", ALL, SANDBOX_ANY, 0 },
	{ "brk", ALL, SANDBOX_ANY, 0 },
	{ "rt_sigprocmask", ALL, SANDBOX_ANY, 0 },
	{ "rt_sigreturn", ALL | GUARD, SANDBOX_ANY, 0 },
	{ "restart_syscall", ALL, SANDBOX_ANY, 0 },
	{ "exit", ALL, SANDBOX_ANY, 0 },
	{ "exit_group", ALL | GUARD, SANDBOX_ANY, 0 },
	{ "prctl", ALL, SANDBOX_ARG0, PR_GET_NAME },
	/* Lines of the log, and events. */
	{ "write", ALL, SANDBOX_ANY, 0 },
	{ "ppoll", ALL, SANDBOX_ANY, 0 },
	{ "poll", ALL, SANDBOX_ANY, 0 },
	{ "clock_gettime", ALL, SANDBOX_ANY, 0 },
	/* Kicks of vCPUs. */
	{ "getpid", VCPU | IO, SANDBOX_ANY, 0 },
	{ "gettid", VCPU, SANDBOX_ANY, 0 },
	{ "tgkill", VCPU | IO, SANDBOX_SELF, 0 },

	/* Threads of vCPUs, also after a reboot. */
	{ "clone", MAIN, SANDBOX_THREAD, 0 },
	/* Its flags are in memory, where nobody can check them. */
	{ "clone3", MAIN, SANDBOX_NOSYS, 0 },
	{ "set_robust_list", MAIN, SANDBOX_ANY, 0 },
	{ "rseq", MAIN, SANDBOX_ANY, 0 },
	{ "prctl", MAIN, SANDBOX_ARG0, PR_SET_NAME },
	{ "prctl", MAIN, SANDBOX_ARG0, PR_GET_NO_NEW_PRIVS },
	{ "seccomp", MAIN, SANDBOX_ARG0, SECCOMP_SET_MODE_FILTER },
	/* Kernel and initrd are read again for a reboot. */
	{ "pread64", MAIN, SANDBOX_ANY, 0 },
	{ "fstat", MAIN, SANDBOX_ANY, 0 },
	{ "newfstatat", MAIN, SANDBOX_ARG3, AT_EMPTY_PATH },
	{ "getrandom", VCPU | IO, SANDBOX_ANY, 0 },
	/* A KVM VM is made anew, with the eventfds that it is told of. */
	{ "eventfd2", MAIN, SANDBOX_ANY, 0 },
	IOCTL(KVM_CREATE_VM, MAIN),
	IOCTL(KVM_CHECK_EXTENSION, MAIN),
	IOCTL(KVM_SET_USER_MEMORY_REGION, MAIN),
	IOCTL(KVM_CREATE_VCPU, MAIN),
	IOCTL(KVM_CREATE_DEVICE, MAIN),
	IOCTL(KVM_IRQFD, MAIN),
	IOCTL(KVM_IOEVENTFD, VCPU),
	IOCTL(KVM_GET_ONE_REG, VCPU),
	IOCTL(KVM_SET_ONE_REG, VCPU),
	/* The guest runs; interrupts come from any thread but disks'. */
	IOCTL(KVM_RUN, VCPU),
	IOCTL(KVM_IRQ_LINE, VCPU | IO),
	IOCTL(KVM_SIGNAL_MSI, VCPU | IO),
	IOCTL(KVM_INTERRUPT, VCPU | IO),
	{ "timerfd_settime", VCPU | IO, SANDBOX_ANY, 0 },

	/* The event loop. */
	{ "epoll_pwait", IO, SANDBOX_ANY, 0 },
	{ "epoll_wait", IO, SANDBOX_ANY, 0 },
	{ "epoll_ctl", MAIN | IO, SANDBOX_ANY, 0 },
	{ "read", IO | GUARD, SANDBOX_ANY, 0 },
	{ "writev", IO, SANDBOX_ANY, 0 },
	{ "close", MAIN | IO, SANDBOX_ANY, 0 },
	/* Consoles. */
	{ "accept4", IO, SANDBOX_ANY, 0 },
	{ "recvfrom", IO, SANDBOX_ANY, 0 },
	{ "sendto", MAIN | IO, SANDBOX_ANY, 0 },
	/* ppc64le's C library makes these of recv() and send(). */
	{ "recv", IO, SANDBOX_ANY, 0 },
	{ "send", MAIN | IO, SANDBOX_ANY, 0 },
	{ "fcntl", IO, SANDBOX_ARG1, F_DUPFD_CLOEXEC },
	{ "fstat", IO, SANDBOX_ANY, 0 },
	{ "newfstatat", IO, SANDBOX_ARG3, AT_EMPTY_PATH },
	IOCTL(TIOCGWINSZ, IO),
	/* Whether the terminal is ours, after SIGCONT. */
	IOCTL(TIOCGPGRP, IO),
	IOCTL(TIOCGSID, IO),
	{ "getsid", IO, SANDBOX_ANY, 0 },
	{ "getpgid", IO, SANDBOX_ANY, 0 },
	{ "getpgrp", IO, SANDBOX_ANY, 0 },
	IOCTL(TERMIOS(TCGETS), MAIN | IO | GUARD),
	IOCTL(TERMIOS(TCSETS), MAIN | IO | GUARD),
	IOCTL(GET_TERMIOS2, MAIN | IO | GUARD),
	IOCTL(SET_TERMIOS2, MAIN | IO | GUARD),
	{ "wait4", MAIN, SANDBOX_ANY, 0 },
	/* The status file becomes a stream. */
	{ "fcntl", MAIN, SANDBOX_ARG1, F_GETFL },
	/* Names of sockets and links; Landlock says from which folders. */
	{ "newfstatat", MAIN, SANDBOX_ARG3, AT_SYMLINK_NOFOLLOW },
	{ "readlinkat", MAIN, SANDBOX_ANY, 0 },
	{ "unlinkat", MAIN, SANDBOX_ANY, 0 },
	/* The network. */
	IOCTL(TUNSETOFFLOAD, IO | VCPU),

	/* Disks. */
	{ "preadv", DISK, SANDBOX_ANY, 0 },
	{ "pwritev", DISK, SANDBOX_ANY, 0 },
	{ "fdatasync", DISK, SANDBOX_ANY, 0 },
	{ "fallocate", DISK, SANDBOX_ANY, 0 },
	IOCTL(BLKDISCARD, DISK),
	IOCTL(BLKZEROOUT, DISK),
	{ 0 },
};
