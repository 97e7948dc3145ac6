/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A: the registers of a serial port.
 *
 * Theory of operation: the line is infinitely fast, in both directions.
 *
 * Receive: bytes wait in the chardev's ring, which stands for the line, and
 * move into the receiver as far as there is room, when the guest reads it or
 * has its interrupt enabled; so the ring never overruns the FIFO, and what
 * was typed early survives the guest's initialisation. A FIFO below its
 * trigger level means that the line is idle: the character time-out, which
 * needs four character times of that, has come.
 *
 * Transmit: a byte goes straight to the chardev. What that refuses stays in
 * the FIFO with THRE clear until tx_ready(); the chardev's stall rule bounds
 * that time. A guest that writes in spite of it loses bytes, as in hardware.
 *
 * There is no modem: DCD, DSR and CTS are always on.
 *
 * References are to the National Semiconductor PC16550D data sheet.
 */
#include "devices/uart.h"

#include <errno.h>
#include <string.h>
#include "vmm/chardev.h"
#include "vmm/irq.h"
#include "vmm/snapshot.h"

static unsigned capacity(const struct uart *u)
{
	return (u->fcr & FCR_ENABLE) != 0 ? UART_FIFO_SIZE : 1;
}

static unsigned trigger(const struct uart *u)
{
	static const uint8_t levels[] = { 1, 4, 8, 14 };

	return (u->fcr & FCR_ENABLE) != 0 ? levels[u->fcr >> 6] : 1;
}

static void fifo_put(struct uart_fifo *fifo, uint8_t data, uint8_t flags)
{
	fifo->data[fifo->count] = data;
	fifo->flags[fifo->count] = flags;
	fifo->count++;
}

static void fifo_drop(struct uart_fifo *fifo, unsigned n)
{
	fifo->count = (uint8_t)(fifo->count - n);
	memmove(fifo->data, fifo->data + n, fifo->count);
	memmove(fifo->flags, fifo->flags + n, fifo->count);
}

/*
 * Interrupts.
 */

static uint8_t line_errors(const struct uart *u)
{
	uint8_t errors = u->overrun;

	if (u->rx.count > 0)
		errors |= u->rx.flags[0];
	return errors;
}

/* The source of highest priority; PC16550D, 8.5 */
static uint8_t pending(const struct uart *u)
{
	if ((u->ier & IER_LINE) != 0 && line_errors(u) != 0)
		return IIR_LINE;
	if ((u->ier & IER_RX) != 0 && u->rx.count > 0)
		return u->rx.count >= trigger(u) ? IIR_RX : IIR_TIME;
	if ((u->ier & IER_THRE) != 0 && u->thre_irq)
		return IIR_THRE;
	if ((u->ier & IER_MODEM) != 0 && u->msr_deltas != 0)
		return IIR_MODEM;
	return IIR_NONE;
}

static void update_irq(struct uart *u)
{
	irq_set_level(u->irq, pending(u) != IIR_NONE);
}

/*
 * Receiver.
 */

static bool looped(const struct uart *u)
{
	return (u->mcr & MCR_LOOP) != 0;
}

/* A character arrives, wanted or not. */
static void receive(struct uart *u, uint8_t data, uint8_t flags)
{
	if (u->rx.count < capacity(u)) {
		fifo_put(&u->rx, data, flags);
		return;
	}
	u->overrun = LSR_OE;
	/* Without FIFO the new character is in the buffer, the old one lost. */
	if ((u->fcr & FCR_ENABLE) == 0) {
		u->rx.data[0] = data;
		u->rx.flags[0] = flags;
	}
}

/* Takes from the line what there is room for, and no more than @max. */
static void fetch(struct uart *u, size_t max)
{
	uint8_t buf[UART_FIFO_SIZE];

	if (looped(u))
		return;
	max = min_size(max, capacity(u) - u->rx.count);
	size_t n = chardev_read(u->cd, buf, max);
	for (size_t i = 0; i < n; i++)
		fifo_put(&u->rx, buf[i], 0);
}

static void fetch_for_irq(struct uart *u)
{
	if ((u->ier & IER_RX) != 0)
		fetch(u, UART_FIFO_SIZE);
}

static uint8_t read_rbr(struct uart *u)
{
	if (u->rx.count == 0)
		fetch(u, 1);

	uint8_t data = u->rx.data[0];
	if (u->rx.count > 0)
		fifo_drop(&u->rx, 1);
	fetch_for_irq(u);
	return data;
}

/*
 * Transmitter.
 */

static void transmitter_empty(struct uart *u)
{
	u->thre_irq = u->tx.count == 0;
}

static void send_fifo(struct uart *u)
{
	if (u->tx.count == 0)
		return;
	size_t n = chardev_write(u->cd, u->tx.data, u->tx.count);
	fifo_drop(&u->tx, (unsigned)n);
	transmitter_empty(u);
}

static void write_thr(struct uart *u, uint8_t data)
{
	u->thre_irq = false;
	if (looped(u)) {
		receive(u, data, 0);
		transmitter_empty(u);
		return;
	}
	if (u->tx.count >= capacity(u)) {
		/* The guest wrote although THRE was clear. */
		if (u->tx.count == 1)
			u->tx.data[0] = data;
		return;
	}
	fifo_put(&u->tx, data, 0);
	/* What waits already is waiting for tx_ready(). */
	if (u->tx.count == 1)
		send_fifo(u);
}

/*
 * Modem.
 */

/* MSR's high half; PC16550D, 8.7: looped, they are MCR's outputs. */
static uint8_t modem_lines(uint8_t mcr)
{
	uint8_t lines = 0;

	if ((mcr & MCR_LOOP) == 0)
		return MSR_DCD | MSR_DSR | MSR_CTS;
	if ((mcr & MCR_RTS) != 0)
		lines |= MSR_CTS;
	if ((mcr & MCR_DTR) != 0)
		lines |= MSR_DSR;
	if ((mcr & MCR_OUT1) != 0)
		lines |= MSR_RI;
	if ((mcr & MCR_OUT2) != 0)
		lines |= MSR_DCD;
	return lines;
}

static void write_mcr(struct uart *u, uint8_t mcr)
{
	uint8_t old = modem_lines(u->mcr);

	u->mcr = mcr & MCR_MASK;
	uint8_t now = modem_lines(u->mcr);
	uint8_t changed = old ^ now;

	if ((changed & MSR_CTS) != 0)
		u->msr_deltas |= MSR_DCTS;
	if ((changed & MSR_DSR) != 0)
		u->msr_deltas |= MSR_DDSR;
	if ((changed & MSR_DCD) != 0)
		u->msr_deltas |= MSR_DDCD;
	/* Only the end of a ring counts. */
	if ((old & ~now & MSR_RI) != 0)
		u->msr_deltas |= MSR_TERI;
	fetch_for_irq(u);
}

/*
 * Other registers.
 */

static void write_ier(struct uart *u, uint8_t ier)
{
	uint8_t old = u->ier;

	u->ier = ier & IER_MASK;
	/* Enabling it asks again: drivers start to transmit that way. */
	if ((~old & u->ier & IER_THRE) != 0)
		transmitter_empty(u);
	fetch_for_irq(u);
}

static void write_fcr(struct uart *u, uint8_t fcr)
{
	uint8_t changed = u->fcr ^ fcr;

	/* PC16550D, 8.4: a change of the mode clears both FIFOs. */
	if ((changed & FCR_ENABLE) != 0)
		fcr |= FCR_RX_CLR | FCR_TX_CLR;
	if ((fcr & FCR_RX_CLR) != 0)
		u->rx.count = 0;
	if ((fcr & FCR_TX_CLR) != 0) {
		u->tx.count = 0;
		transmitter_empty(u);
	}
	/* The other bits are programmed only along with the enable bit. */
	u->fcr = (fcr & FCR_ENABLE) != 0 ? fcr & FCR_MASK : 0;
	fetch_for_irq(u);
}

static uint8_t read_iir(struct uart *u)
{
	uint8_t id = pending(u);

	if (id == IIR_THRE)
		u->thre_irq = false;
	return id | ((u->fcr & FCR_ENABLE) != 0 ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t lsr = line_errors(u);

	if (u->rx.count > 0 || (!looped(u) && chardev_readable(u->cd)))
		lsr |= LSR_DR;
	if (u->tx.count == 0)
		lsr |= LSR_THRE | LSR_TEMT;
	if ((u->fcr & FCR_ENABLE) != 0) {
		for (unsigned i = 0; i < u->rx.count; i++)
			lsr |= u->rx.flags[i] != 0 ? LSR_FIFO : 0;
	}
	/* Reading it clears what it told. */
	u->overrun = 0;
	if (u->rx.count > 0)
		u->rx.flags[0] = 0;
	return lsr;
}

static uint8_t read_msr(struct uart *u)
{
	uint8_t msr = modem_lines(u->mcr) | u->msr_deltas;

	u->msr_deltas = 0;
	return msr;
}

static uint8_t read_reg(struct uart *u, unsigned reg)
{
	bool dlab = (u->lcr & LCR_DLAB) != 0;

	switch (reg) {
	case REG_DATA:
		return dlab ? u->dll : read_rbr(u);
	case REG_IER:
		return dlab ? u->dlm : u->ier;
	case REG_IIR:
		return read_iir(u);
	case REG_LCR:
		return u->lcr;
	case REG_MCR:
		return u->mcr;
	case REG_LSR:
		return read_lsr(u);
	case REG_MSR:
		return read_msr(u);
	default:
		return u->scr;
	}
}

uint8_t uart_read(struct uart *u, unsigned reg)
{
	uint8_t value = read_reg(u, reg);

	update_irq(u);
	return value;
}

static void write_reg(struct uart *u, unsigned reg, uint8_t value)
{
	bool dlab = (u->lcr & LCR_DLAB) != 0;

	switch (reg) {
	case REG_DATA:
		if (dlab)
			u->dll = value;
		else
			write_thr(u, value);
		break;
	case REG_IER:
		if (dlab)
			u->dlm = value;
		else
			write_ier(u, value);
		break;
	case REG_IIR:
		write_fcr(u, value);
		break;
	case REG_LCR:
		u->lcr = value;
		break;
	case REG_MCR:
		write_mcr(u, value);
		break;
	case REG_SCR:
		u->scr = value;
		break;
	default:
		/* LSR and MSR: for factory tests only. */
		break;
	}
}

void uart_write(struct uart *u, unsigned reg, uint8_t value)
{
	write_reg(u, reg, value);
	update_irq(u);
}

/*
 * The line's side.
 */

void uart_rx_ready(struct uart *u)
{
	fetch_for_irq(u);
	update_irq(u);
}

void uart_tx_ready(struct uart *u)
{
	send_fifo(u);
	update_irq(u);
}

void uart_break(struct uart *u)
{
	if (looped(u))
		return;
	/* What was typed before comes before it. */
	fetch(u, UART_FIFO_SIZE);
	receive(u, 0, LSR_BI);
	update_irq(u);
}

/*
 * State.
 */

/* In the order of the stream. */
static const size_t saved[] = {
	offsetof(struct uart, ier),        offsetof(struct uart, fcr),
	offsetof(struct uart, lcr),        offsetof(struct uart, mcr),
	offsetof(struct uart, scr),        offsetof(struct uart, dll),
	offsetof(struct uart, dlm),        offsetof(struct uart, overrun),
	offsetof(struct uart, msr_deltas),
};

void uart_reset(struct uart *u)
{
	*u = (struct uart){ .cd = u->cd, .irq = u->irq };
	update_irq(u);
}

static void save_fifo(const struct uart_fifo *fifo, struct snap_writer *w)
{
	snap_put_u8(w, fifo->count);
	snap_put_bytes(w, fifo->data, UART_FIFO_SIZE);
	snap_put_bytes(w, fifo->flags, UART_FIFO_SIZE);
}

void uart_save(const struct uart *u, struct snap_writer *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(saved); i++)
		snap_put_u8(w, *((const uint8_t *)u + saved[i]));
	snap_put_u8(w, u->thre_irq);
	save_fifo(&u->rx, w);
	save_fifo(&u->tx, w);
}

static bool restore_fifo(struct uart_fifo *fifo, struct snap_reader *r,
			 unsigned max, uint8_t flags)
{
	uint8_t all = 0;

	fifo->count = snap_get_u8(r);
	snap_get_bytes(r, fifo->data, UART_FIFO_SIZE);
	snap_get_bytes(r, fifo->flags, UART_FIFO_SIZE);
	for (unsigned i = 0; i < UART_FIFO_SIZE; i++)
		all |= fifo->flags[i];
	return fifo->count <= max && (all & ~flags) == 0;
}

static bool registers_valid(const struct uart *u, uint8_t thre_irq)
{
	uint8_t fcr = (u->fcr & FCR_ENABLE) != 0 ? FCR_MASK : 0;

	return (u->ier & ~IER_MASK) == 0 && (u->fcr & ~fcr) == 0 &&
	       (u->mcr & ~MCR_MASK) == 0 && (u->overrun & ~LSR_OE) == 0 &&
	       (u->msr_deltas & ~MSR_DELTAS) == 0 && thre_irq <= 1;
}

int uart_restore(struct uart *u, struct snap_reader *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(saved); i++)
		*((uint8_t *)u + saved[i]) = snap_get_u8(r);
	uint8_t thre_irq = snap_get_u8(r);
	u->thre_irq = thre_irq != 0;

	bool valid = registers_valid(u, thre_irq);
	valid &= restore_fifo(&u->rx, r, capacity(u), LSR_CHAR);
	valid &= restore_fifo(&u->tx, r, capacity(u), 0);
	if (!valid || snap_reader_error(r) < 0) {
		uart_reset(u);
		snap_reader_fail(r);
		return -EBADMSG;
	}
	update_irq(u);
	return 0;
}
