/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character backends: where a console's bytes go and come from.
 *
 * A chardev is a pair of bounded rings between a guest-side frontend (serial,
 * virtio-console port, SBI console) and a host-side backend (stdio, pty, Unix
 * socket server, file, descriptor). All host I/O happens on the I/O thread;
 * frontends only touch the rings, so a vCPU never waits for a reader.
 *
 * Output that finds the ring full is refused (a short count): the frontend
 * holds the guest back until tx_ready(). When a reader has made no progress
 * for CHARDEV_STALL_MS, or none is connected, output is accepted and dropped,
 * so a guest is never held back for good; the loss is logged once. Without a
 * reader the ring keeps the newest bytes for the next one that connects.
 */
#ifndef PRIVET_VMM_CHARDEV_H
#define PRIVET_VMM_CHARDEV_H

#include <pthread.h>
#include "vmm/error.h"

struct chardev;
struct evloop;
struct log;
struct vm;

#define CHARDEV_TX_RING  65536U
#define CHARDEV_RX_RING  4096U
#define CHARDEV_STALL_MS 2000U

enum chardev_kind {
	CHARDEV_NULL,
	CHARDEV_STDIO,
	CHARDEV_PTY,
	CHARDEV_SOCKET,
	CHARDEV_FILE,
	CHARDEV_FD,
};

/**
 * struct chardev_config - A backend as the user asked for it
 * @path: socket or file, or for a pty a symbolic link to make; NULL if none
 * @fd: descriptor for CHARDEV_FD (stream socket, pipe, tty or file), and for
 *	CHARDEV_SOCKET a listening socket instead of @path; else -1
 * @append: CHARDEV_FILE: keep what the file holds
 */
struct chardev_config {
	enum chardev_kind kind;
	char *path;
	int fd;
	bool append;
};

enum chardev_event {
	CHARDEV_CONNECTED,
	CHARDEV_DISCONNECTED,
	CHARDEV_BREAK,
	CHARDEV_RESIZED,
};

/**
 * struct chardev_frontend - The guest side of a chardev
 * @rx_ready: input arrived: call chardev_read()
 * @tx_ready: a chardev_write() that fell short may be continued
 * @event: the backend's state changed, the user asked for a break, or
 *	chardev_size() may say something else
 * @lock: held around the callbacks, or NULL; usually the device's lock
 *
 * Callbacks are optional and run on the I/O thread.
 */
struct chardev_frontend {
	void (*rx_ready)(struct chardev_frontend *fe);
	void (*tx_ready)(struct chardev_frontend *fe);
	void (*event)(struct chardev_frontend *fe, enum chardev_event event);
	pthread_mutex_t *lock;
};

/**
 * struct chardev_env - What a backend needs from the process
 * @loop: the I/O thread
 * @log: for messages; its crlf is set while stdio is in raw mode
 * @quit: called on the I/O thread when the user types the escape key and x
 * @opaque: its argument
 */
struct chardev_env {
	struct evloop *loop;
	struct log *log;
	void (*quit)(void *opaque);
	void *opaque;
};

/**
 * chardev_open() - Open a backend
 * @name: for messages, such as "--console serial,pty"
 *
 * stdio: when standard input is a terminal it is put into raw mode once the
 * machine starts (chardev_start()), and a guard process restores it however
 * this process ends. Ctrl-A is the escape key: x quits, b sends a break, h
 * helps, Ctrl-A sends itself. In the background (started with &) the terminal
 * is left alone until the process is in the foreground; for that, SIGTTIN and
 * SIGTTOU have to be ignored. pty: the name of the slave is logged.
 * socket: listens; one client at a time, a new one takes over, the guest does
 * not notice. A stale socket file (nobody listens) is replaced; any other
 * file there is refused.
 *
 * Nothing on the host is made, replaced or truncated yet; what can be checked
 * without that is.
 *
 * Context: main thread while building. SIGPIPE is ignored in this process, and
 * descriptors 0 to 2 are open.
 */
int chardev_open(const struct chardev_env *env, const char *name,
		 const struct chardev_config *cfg, struct chardev **out,
		 struct error *err);

/**
 * chardev_start() - Make the file, socket or link, enter raw mode, and begin
 *
 * Only when all else about the machine was found good, and before the guest
 * runs. After a failure, as without it, chardev_close() undoes what was done.
 *
 * Context: main thread.
 */
int chardev_start(struct chardev *cd, struct error *err);

/**
 * chardev_close() - Flush what can be flushed at once, restore the terminal,
 * remove socket file and link, free
 *
 * Waits at most CHARDEV_STALL_MS for a reader that still makes progress.
 * Context: main thread, after the loop was stopped.
 */
void chardev_close(struct chardev *cd);

/**
 * chardev_folder() - Where chardev_close() will remove a name
 *
 * Return: a descriptor of the folder of the socket or link that was made, kept
 * open so that the name can be removed when no path can be opened any more;
 * -1: nothing will be removed.
 */
int chardev_folder(const struct chardev *cd);

/**
 * chardev_idle() - Whether there is nothing to wait for
 *
 * Return: true when all output is with the host, or nobody takes any, and no
 * writer that was held back is owed a tx_ready(). A frontend may have had more
 * to write than the ring takes, so it is false as well when anything was
 * written since the last call.
 * Context: one thread at a time.
 */
bool chardev_idle(struct chardev *cd);

/**
 * chardev_drain() - Wait until all output is with the host or nobody takes it
 *
 * Waits at most CHARDEV_STALL_MS: a reader that takes nothing for so long has
 * stalled. One that is slow has to be waited for again.
 *
 * Context: a thread other than the I/O thread, which runs; no locks held.
 */
void chardev_drain(struct chardev *cd);

/**
 * chardev_attach() - Make @fe the frontend that gets the callbacks
 * @fe: not owned; NULL: nobody gets them any more
 *
 * Context: main thread while building, and with NULL after the loop was
 * stopped. Others may still read and write (the SBI console beside the serial
 * port does).
 */
void chardev_attach(struct chardev *cd, struct chardev_frontend *fe);

/**
 * chardev_write() - Queue output
 *
 * Return: bytes accepted, 0 to @len; all when nobody reads.
 * Context: any thread; never blocks.
 */
size_t chardev_write(struct chardev *cd, const void *buf, size_t len);

/** chardev_read() - Take input; Return: bytes, maybe 0; any thread */
size_t chardev_read(struct chardev *cd, void *buf, size_t len);

/** chardev_readable() - Whether chardev_read() has something; any thread */
bool chardev_readable(struct chardev *cd);

/**
 * chardev_connected() - Whether somebody is at the other end; any thread
 *
 * A null backend always says yes, as /dev/null does.
 */
bool chardev_connected(struct chardev *cd);

/**
 * chardev_size() - Size of the terminal at the other end
 *
 * Return: whether there is one that knows its size; then neither is 0.
 * Context: any thread.
 */
bool chardev_size(struct chardev *cd, uint16_t *cols, uint16_t *rows);

/**
 * chardev_refresh() - The terminal may have changed
 *
 * To be called after SIGWINCH, and after SIGCONT: a shell may have set its own
 * mode while we were stopped.
 *
 * Context: the I/O thread, no locks held.
 */
void chardev_refresh(struct chardev *cd);

#endif
