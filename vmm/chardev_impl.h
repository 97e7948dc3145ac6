/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Character backends: what the files behind vmm/chardev.h share.
 *
 * chardev.c has the rings, the callbacks and the stall rule; chardev_open.c
 * opens and closes; chardev_drain.c waits for what is left; chardev_end.c is
 * one direction of host I/O that never blocks; a backend says only where its
 * descriptors come from and what it means when one of them ends.
 *
 * Everything here but the public functions of vmm/chardev.h runs on the I/O
 * thread, or before it exists, or after it is gone.
 */
#ifndef PRIVET_VMM_CHARDEV_IMPL_H
#define PRIVET_VMM_CHARDEV_IMPL_H

#include <sys/types.h>
#include "vmm/chardev.h"
#include "vmm/evloop.h"

/**
 * enum end_mode - How a descriptor is kept from blocking the I/O thread
 * @END_NONBLOCK: its file description has O_NONBLOCK and is ours alone
 * @END_SOCKET: MSG_DONTWAIT on every call
 * @END_SHARED: asked with poll() before every call, and little is written at
 *	a time, because O_NONBLOCK would also hit other processes
 * @END_DIRECT: epoll refuses it, as it does regular files and /dev/null: it
 *	is always ready
 */
enum end_mode {
	END_NONBLOCK,
	END_SOCKET,
	END_SHARED,
	END_DIRECT,
};

/** enum end_owner - Whose file description a descriptor belongs to */
enum end_owner {
	END_OURS,
	END_USERS,
};

/**
 * struct chardev_end - One direction of host I/O
 * @src: its entry in the event loop
 * @cd: back pointer
 * @fd: descriptor; owned; -1 when there is none
 * @mode: how it is kept from blocking
 * @ready: what to wait for: EPOLLIN or EPOLLOUT
 * @keep: stay in the event loop while idle, to hear of a hang-up
 * @watched: in the event loop
 */
struct chardev_end {
	struct ev_source src;
	struct chardev *cd;
	int fd;
	enum end_mode mode;
	uint32_t ready;
	bool keep;
	bool watched;
};

/**
 * struct chardev_ring - Bounded queue of bytes
 * @size: a power of two
 * @head: bytes ever put in
 * @tail: bytes ever taken out or pushed out by newer ones
 */
struct chardev_ring {
	uint8_t *data;
	size_t size;
	uint64_t head;
	uint64_t tail;
};

/**
 * struct chardev_ops - A backend
 * @size: bytes of its struct, which begins with a struct chardev
 * @open: check what can be checked, and open what leaves no trace on the host:
 *	the machine may still turn out to be impossible
 * @make: make what others see: files, sockets, links, a terminal's mode. Main
 *	thread; undoes itself when it fails; may be NULL
 * @start: begin to watch; may be NULL
 * @may_read: whether reading is allowed now; if not, the backend calls
 *	chardev_pump() when it is; NULL: always
 * @input: bytes came from the host; NULL: they go to the guest
 * @ended: reading met the end or an error, or writing an error, on @end;
 *	@error is 0 or negative errno. Must stop the use of @end
 * @paused: nothing is read because the guest does not read; may be NULL, may
 *	be called again while that lasts
 * @winsize, @refresh: see chardev_size(), chardev_refresh(); may be NULL
 * @close: release what the backend has beside the two ends, however far it
 *	got after @open; may be NULL
 */
struct chardev_ops {
	size_t size;
	int (*open)(struct chardev *cd, const struct chardev_config *cfg,
		    struct error *err);
	int (*make)(struct chardev *cd, struct error *err);
	int (*start)(struct chardev *cd, struct error *err);
	bool (*may_read)(struct chardev *cd);
	void (*input)(struct chardev *cd, const uint8_t *buf, size_t len);
	void (*ended)(struct chardev *cd, struct chardev_end *end, int error);
	void (*paused)(struct chardev *cd);
	bool (*winsize)(struct chardev *cd, uint16_t *cols, uint16_t *rows);
	void (*refresh)(struct chardev *cd);
	void (*close)(struct chardev *cd);
};

/**
 * struct chardev - What every backend's struct begins with
 * @ops: the backend; NULL for CHARDEV_NULL
 * @env, @name, @path, @append: copied at chardev_open()
 * @folder: O_PATH descriptor of @path's folder, when a name has to be removed
 *	from it at the end; else -1
 * @lock: a leaf lock; guards the members up to @progress_ns
 * @moved: what chardev_drain() waits for may have come
 * @reader: somebody takes output
 * @connected: somebody is at the other end, in either direction
 * @stalled: the reader made no progress for @stall_ms
 * @blocked: the host took no more; EPOLLOUT is awaited
 * @tx_short: a write fell short and tx_ready() is owed
 * @rx_paused: the input ring was full, nothing is read from the host
 * @rx_drop: read on although it is full, and drop what does not fit
 * @lost: output was dropped
 * @gathering: @gather runs
 * @idle_head: tx.head when chardev_idle() looked last
 * @progress_ns: when the reader last took something; CLOCK_MONOTONIC
 * @stall_ms: CHARDEV_STALL_MS; tests make it shorter
 * @gather_ns: how long single bytes wait for others; tests set 0
 * @in, @out: descriptors of the current peer
 * @kick: runs the pumps
 * @gather: runs the pumps when single bytes have waited
 * @stall: limits how long a reader may hold the guest back
 * @fe: gets the callbacks; not owned; may be NULL
 */
struct chardev {
	const struct chardev_ops *ops;
	struct chardev_env env;
	char *name;
	char *path;
	int folder;
	bool append;

	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct chardev_ring tx;
	struct chardev_ring rx;
	bool reader;
	bool connected;
	bool stalled;
	bool blocked;
	bool tx_short;
	bool rx_paused;
	bool rx_drop;
	bool lost;
	bool gathering;
	uint64_t idle_head;
	uint64_t progress_ns;

	uint64_t stall_ms;
	uint64_t gather_ns;
	bool loss_logged;
	bool started;
	struct chardev_end in;
	struct chardev_end out;
	struct ev_work kick;
	struct ev_timer gather;
	struct ev_timer stall;
	struct chardev_frontend *fe;
};

extern const struct chardev_ops chardev_stdio_ops;
extern const struct chardev_ops chardev_pty_ops;
extern const struct chardev_ops chardev_socket_ops;
extern const struct chardev_ops chardev_file_ops;
extern const struct chardev_ops chardev_fd_ops;

/*
 * chardev_open.c, for backends.
 */

/** chardev_check_new() - Whether something can be made at cd->path */
int chardev_check_new(struct chardev *cd, struct error *err);

/** chardev_leaf() - The last part of cd->path, for use with cd->folder */
const char *chardev_leaf(const struct chardev *cd);

/**
 * chardev_open_folder() - Set cd->folder: there is a name to remove at the end
 *
 * Return: 0 or negative errno.
 */
int chardev_open_folder(struct chardev *cd);

/*
 * chardev.c, for backends.
 */

/** chardev_set_link() - Who is there; tells the frontend what changed */
void chardev_set_link(struct chardev *cd, bool reader, bool connected);

/** chardev_pump() - Move what can be moved, both ways */
void chardev_pump(struct chardev *cd);

/** chardev_ready() - Epoll says that @end can go on, or failed */
void chardev_ready(struct chardev *cd, struct chardev_end *end);

/**
 * chardev_retire() - ops->ended of a peer that does not come back: close what
 * ended and go on with the other direction
 */
void chardev_retire(struct chardev *cd, struct chardev_end *end, int error);

/** chardev_deliver() - Give input to the guest; drops what does not fit */
void chardev_deliver(struct chardev *cd, const uint8_t *buf, size_t len);

/** chardev_event() - Tell the frontend */
void chardev_event(struct chardev *cd, enum chardev_event event);

/** chardev_say() - Text for the user, in order with the guest's output */
void chardev_say(struct chardev *cd, const char *text);

/**
 * chardev_send_some() - Write one piece of what is queued
 *
 * Return: its bytes, 0 when nothing is left, -EAGAIN or another negative errno.
 */
ssize_t chardev_send_some(struct chardev *cd);

/** chardev_on_kick() and so on - What cd->kick and the timers call */
void chardev_on_kick(struct ev_work *work);
void chardev_on_gather(struct ev_timer *timer);
void chardev_on_stall(struct ev_timer *timer);

/** chardev_now_ns() - CLOCK_MONOTONIC */
uint64_t chardev_now_ns(void);

/*
 * chardev_drain.c
 */

/**
 * chardev_flush() - Write what is left, without the loop
 *
 * As long as somebody takes it, but no longer than @stall_ms.
 */
void chardev_flush(struct chardev *cd);

/*
 * chardev_end.c
 */

/** chardev_end_init() - @ready: EPOLLIN or EPOLLOUT */
void chardev_end_init(struct chardev_end *end, struct chardev *cd,
		      uint32_t ready);

/**
 * chardev_end_open() - Use a duplicate of @fd, made safe against blocking
 *
 * Return: 0 or negative errno.
 */
int chardev_end_open(struct chardev_end *end, int fd, enum end_owner owner);
void chardev_end_close(struct chardev_end *end);

/** chardev_end_watch() - Call the pumps when it becomes ready */
void chardev_end_watch(struct chardev_end *end);

/** chardev_end_unwatch() - There is nothing to do for now */
void chardev_end_unwatch(struct chardev_end *end);

/** chardev_end_hung_up() - Whether the other side is gone altogether */
bool chardev_end_hung_up(const struct chardev_end *end);

/** chardev_end_read() - Return: bytes, 0 at the end, -EAGAIN, other errno */
ssize_t chardev_end_read(struct chardev_end *end, void *buf, size_t len);

/** chardev_end_write() - Return: bytes, -EAGAIN or another negative errno */
ssize_t chardev_end_write(struct chardev_end *end, const void *buf, size_t len);

#endif
