/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stdio backend: standard input and output, with an escape key when
 * standard input is a terminal.
 *
 * A guest that does not read must not keep the user from typing the escape
 * key: when input has waited for CHARDEV_STALL_MS without the guest taking
 * any, reading goes on and what does not fit is dropped. What is piped in
 * waits for the guest instead.
 *
 * While a shell has us in the background, the terminal is not ours: it is
 * neither made raw nor read, and a slow timer looks whether that is over. No
 * signal tells it.
 */
#include "vmm/chardev_impl.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vmm/log.h"
#include "vmm/term.h"

#define ESCAPE_KEY 0x01
#define LOOK_MS    500U

/**
 * struct chardev_stdio - State of the backend
 * @term: the terminal; NULL when standard input is none
 * @out_is_tty: so is standard output
 * @escaped: the escape key was typed, the next key says what is wanted
 * @impatient: runs while input waits for the guest
 * @waiting: it runs
 * @seen: rx.tail when it was started
 * @look: looks whether we came to the foreground
 * @background: we are in the background, as far as we know
 */
struct chardev_stdio {
	struct chardev cd;
	struct term *term;
	bool out_is_tty;
	bool escaped;
	struct ev_timer impatient;
	bool waiting;
	uint64_t seen;
	struct ev_timer look;
	bool background;
};

static const char help[] = "\r\n"
			   "Ctrl-A x       end the virtual machine\r\n"
			   "Ctrl-A b       send a break\r\n"
			   "Ctrl-A h       this text\r\n"
			   "Ctrl-A Ctrl-A  send Ctrl-A\r\n";

static const char short_help[] =
	"Ctrl-A x ends the virtual machine, Ctrl-A b sends a break, "
	"Ctrl-A Ctrl-A sends Ctrl-A";

static struct chardev_stdio *to_stdio(struct chardev *cd)
{
	return container_of(cd, struct chardev_stdio, cd);
}

/* Output that goes elsewhere is the guest's alone. */
static void say_help(struct chardev *cd)
{
	if (to_stdio(cd)->out_is_tty)
		chardev_say(cd, help);
	else
		log_warning(cd->env.log, "%s: %s", cd->name, short_help);
}

/* Carries out the key after the escape key; returns bytes put into @out. */
static size_t escape(struct chardev_stdio *s, uint8_t key, uint8_t *out)
{
	struct chardev *cd = &s->cd;

	switch (key) {
	case 'x':
		if (cd->env.quit != NULL)
			cd->env.quit(cd->env.opaque);
		return 0;
	case 'b':
		chardev_event(cd, CHARDEV_BREAK);
		return 0;
	case 'h':
		say_help(cd);
		return 0;
	case ESCAPE_KEY:
		out[0] = key;
		return 1;
	default:
		out[0] = ESCAPE_KEY;
		out[1] = key;
		return 2;
	}
}

static void stdio_input(struct chardev *cd, const uint8_t *buf, size_t len)
{
	struct chardev_stdio *s = to_stdio(cd);
	uint8_t out[CHARDEV_RX_RING + 1];
	size_t n = 0;

	if (s->term == NULL) {
		chardev_deliver(cd, buf, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		if (!s->escaped && buf[i] == ESCAPE_KEY) {
			s->escaped = true;
			/* What was typed before it has to arrive before it. */
			chardev_deliver(cd, out, n);
			n = 0;
		} else if (s->escaped) {
			s->escaped = false;
			n += escape(s, buf[i], out + n);
		} else {
			out[n++] = buf[i];
		}
	}
	chardev_deliver(cd, out, n);
}

static void wait_for_guest(struct chardev_stdio *s)
{
	s->waiting = true;
	ev_timer_set(&s->impatient, s->cd.stall_ms * NSEC_PER_MSEC);
}

static void on_impatient(struct ev_timer *timer)
{
	struct chardev_stdio *s =
		container_of(timer, struct chardev_stdio, impatient);
	struct chardev *cd = &s->cd;

	s->waiting = false;
	pthread_mutex_lock(&cd->lock);
	bool paused = cd->rx_paused;
	bool moved = cd->rx.tail != s->seen;
	s->seen = cd->rx.tail;
	if (paused && !moved) {
		cd->rx_paused = false;
		cd->rx_drop = true;
	}
	pthread_mutex_unlock(&cd->lock);

	if (paused && moved)
		wait_for_guest(s);
	else
		chardev_pump(cd);
}

static void stdio_paused(struct chardev *cd)
{
	struct chardev_stdio *s = to_stdio(cd);

	if (s->term == NULL || s->waiting)
		return;
	pthread_mutex_lock(&cd->lock);
	s->seen = cd->rx.tail;
	pthread_mutex_unlock(&cd->lock);
	wait_for_guest(s);
}

static int open_std(struct chardev *cd, struct chardev_end *end, int fd,
		    struct error *err)
{
	int ret = chardev_end_open(end, fd, END_USERS);

	if (ret < 0)
		return error_host(err, ret, "%s: cannot use standard %s: %s",
				  cd->name, fd == 0 ? "input" : "output",
				  strerror(-ret));
	return 0;
}

static void set_crlf(struct log *log, bool on)
{
	if (log != NULL)
		__atomic_store_n(&log->crlf, on && isatty(log->fd),
				 __ATOMIC_RELAXED);
}

static int enter_raw(struct chardev_stdio *s, struct error *err)
{
	int ret = term_raw(s->term, err);

	if (ret == 0)
		set_crlf(s->cd.env.log, true);
	return ret;
}

/* Back in the foreground, or somebody else may have set the mode. */
static void take_terminal(struct chardev_stdio *s)
{
	struct error err = { 0 };

	s->background = false;
	if (enter_raw(s, &err) < 0)
		log_warning(s->cd.env.log, "%s: %s", s->cd.name, err.text);
}

static bool stdio_may_read(struct chardev *cd)
{
	struct chardev_stdio *s = to_stdio(cd);

	if (s->term == NULL)
		return true;
	if (term_foreground(s->term)) {
		if (s->background)
			take_terminal(s);
		return true;
	}
	s->background = true;
	set_crlf(cd->env.log, false);
	ev_timer_set(&s->look, LOOK_MS * NSEC_PER_MSEC);
	return false;
}

static void on_look(struct ev_timer *timer)
{
	chardev_pump(&container_of(timer, struct chardev_stdio, look)->cd);
}

static void stdio_refresh(struct chardev *cd)
{
	struct chardev_stdio *s = to_stdio(cd);

	if (s->term != NULL && cd->started && term_foreground(s->term)) {
		take_terminal(s);
		chardev_pump(cd);
	}
	chardev_event(cd, CHARDEV_RESIZED);
}

static bool stdio_winsize(struct chardev *cd, uint16_t *cols, uint16_t *rows)
{
	struct winsize size;

	(void)cd;
	/* If both are terminals, they are the same one. */
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 &&
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return false;
	*cols = size.ws_col;
	*rows = size.ws_row;
	return size.ws_col != 0 && size.ws_row != 0;
}

static int open_terminal(struct chardev_stdio *s, struct error *err)
{
	struct chardev *cd = &s->cd;

	int ret =
		ev_timer_init(&s->impatient, cd->env.loop, on_impatient, NULL);
	if (ret == 0)
		ret = ev_timer_init(&s->look, cd->env.loop, on_look, NULL);
	if (ret < 0)
		error_host(err, ret, "%s: cannot make a timer: %s", cd->name,
			   strerror(-ret));
	else
		ret = term_open(STDIN_FILENO, &s->term, err);
	if (ret < 0) {
		ev_timer_destroy(&s->look);
		ev_timer_destroy(&s->impatient);
	}
	return ret;
}

static int stdio_open(struct chardev *cd, const struct chardev_config *cfg,
		      struct error *err)
{
	(void)cfg;
	int ret = open_std(cd, &cd->in, STDIN_FILENO, err);
	if (ret == 0)
		ret = open_std(cd, &cd->out, STDOUT_FILENO, err);
	if (ret < 0)
		return ret;
	cd->reader = true;
	cd->connected = true;
	to_stdio(cd)->out_is_tty = isatty(STDOUT_FILENO);
	return isatty(STDIN_FILENO) ? open_terminal(to_stdio(cd), err) : 0;
}

static int stdio_make(struct chardev *cd, struct error *err)
{
	struct chardev_stdio *s = to_stdio(cd);

	if (s->term == NULL)
		return 0;
	if (term_foreground(s->term))
		return enter_raw(s, err);
	log_info(cd->env.log, "%s: in the background: input is for later",
		 cd->name);
	return 0;
}

static void stdio_close(struct chardev *cd)
{
	struct chardev_stdio *s = to_stdio(cd);

	if (s->term == NULL)
		return;
	term_close(s->term);
	set_crlf(cd->env.log, false);
	ev_timer_destroy(&s->look);
	ev_timer_destroy(&s->impatient);
}

const struct chardev_ops chardev_stdio_ops = {
	.size = sizeof(struct chardev_stdio),
	.open = stdio_open,
	.make = stdio_make,
	.may_read = stdio_may_read,
	.input = stdio_input,
	.ended = chardev_retire,
	.paused = stdio_paused,
	.winsize = stdio_winsize,
	.refresh = stdio_refresh,
	.close = stdio_close,
};
