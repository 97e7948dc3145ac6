/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Consoles' backends without a host: takes the place of vmm/chardev.c. They
 * take as much output as they have room for, and what they give and when is
 * the target's affair. Include it once in a target.
 */
#ifndef PRIVET_TESTS_FUZZ_CHARDEV_STUB_H
#define PRIVET_TESTS_FUZZ_CHARDEV_STUB_H

#include "tests/fuzz/input.h"
#include "vmm/chardev.h"

#define STUB_RX 64U

/**
 * struct chardev - A backend
 * @room: bytes of output that it takes until there is more
 * @rx, @rx_len: input that nobody has read
 */
struct chardev {
	struct chardev_frontend *fe;
	bool connected;
	size_t room;
	uint16_t cols, rows;
	uint8_t rx[STUB_RX];
	size_t rx_len;
};

int chardev_open(const struct chardev_env *env, const char *name,
		 const struct chardev_config *cfg, struct chardev **out,
		 struct error *err)
{
	(void)env;
	(void)name;
	(void)cfg;
	(void)err;
	*out = calloc(1, sizeof(**out));
	FUZZ_CHECK(*out != NULL);
	(*out)->room = 100;
	(*out)->connected = true;
	return 0;
}

int chardev_start(struct chardev *cd, struct error *err)
{
	(void)cd;
	(void)err;
	return 0;
}

void chardev_close(struct chardev *cd)
{
	free(cd);
}

bool chardev_idle(struct chardev *cd)
{
	(void)cd;
	return true;
}

void chardev_drain(struct chardev *cd)
{
	(void)cd;
}

void chardev_attach(struct chardev *cd, struct chardev_frontend *fe)
{
	cd->fe = fe;
}

size_t chardev_write(struct chardev *cd, const void *buf, size_t len)
{
	volatile uint8_t sum = 0;
	size_t n = len < cd->room ? len : cd->room;

	/* All of it has to be there. */
	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)buf)[i]);
	cd->room -= n;
	return n;
}

size_t chardev_read(struct chardev *cd, void *buf, size_t len)
{
	size_t n = len < cd->rx_len ? len : cd->rx_len;

	memset(buf, 0x7f, len);
	memcpy(buf, cd->rx, n);
	memmove(cd->rx, cd->rx + n, cd->rx_len - n);
	cd->rx_len -= n;
	return n;
}

bool chardev_readable(struct chardev *cd)
{
	return cd->rx_len > 0;
}

bool chardev_connected(struct chardev *cd)
{
	return cd->connected;
}

bool chardev_size(struct chardev *cd, uint16_t *cols, uint16_t *rows)
{
	*cols = cd->cols;
	*rows = cd->rows;
	return cd->cols != 0 && cd->rows != 0;
}

void chardev_refresh(struct chardev *cd)
{
	(void)cd;
}

static inline void stub_chardev_call(struct chardev *cd, uint8_t kind)
{
	static const enum chardev_event events[] = {
		CHARDEV_CONNECTED,
		CHARDEV_DISCONNECTED,
		CHARDEV_BREAK,
		CHARDEV_RESIZED,
	};
	struct chardev_frontend *fe = cd->fe;

	if (kind < 96 && fe->rx_ready != NULL)
		fe->rx_ready(fe);
	else if (kind < 192 && fe->tx_ready != NULL)
		fe->tx_ready(fe);
	else if (kind >= 192 && fe->event != NULL)
		fe->event(fe, events[kind % 4]);
}

/** stub_chardev_host() - Something happens at the other end */
static inline void stub_chardev_host(struct input *in, struct chardev *cd)
{
	uint8_t kind = take_u8(in);

	if (kind < 96) {
		cd->rx_len = 1 + kind % STUB_RX;
		take_bytes(in, cd->rx, cd->rx_len);
	} else if (kind < 192) {
		cd->room = (kind & 1) != 0 ? take_u16(in) : kind % 16;
	} else {
		cd->connected = (kind % 4) == 0;
		cd->cols = take_u8(in);
		cd->rows = take_u8(in);
	}
	if (cd->fe == NULL)
		return;
	if (cd->fe->lock != NULL)
		pthread_mutex_lock(cd->fe->lock);
	stub_chardev_call(cd, kind);
	if (cd->fe->lock != NULL)
		pthread_mutex_unlock(cd->fe->lock);
}

#endif
