/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A: the registers of a serial port, without the bus that it sits on.
 *
 * Names and bits are those of the National Semiconductor PC16550D data sheet,
 * section 8.
 */
#ifndef PRIVET_DEVICES_UART_H
#define PRIVET_DEVICES_UART_H

#include "vmm/util.h"

struct chardev;
struct irq_line;
struct snap_reader;
struct snap_writer;

enum uart_reg {
	/* RBR, THR; DLL with DLAB */
	REG_DATA,
	/* IER; DLM with DLAB */
	REG_IER,
	/* read: IIR, write: FCR */
	REG_IIR,
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
	NR_UART_REGS,
};

#define IER_RX     0x01U
#define IER_THRE   0x02U
#define IER_LINE   0x04U
#define IER_MODEM  0x08U
#define IER_MASK   0x0fU

#define IIR_MODEM  0x00U
#define IIR_NONE   0x01U
#define IIR_THRE   0x02U
#define IIR_RX     0x04U
#define IIR_LINE   0x06U
#define IIR_TIME   0x0cU
#define IIR_FIFO   0xc0U

#define FCR_ENABLE 0x01U
#define FCR_RX_CLR 0x02U
#define FCR_TX_CLR 0x04U
/* Kept: enable, DMA mode, trigger level. */
#define FCR_MASK 0xc9U

#define LCR_DLAB 0x80U

#define MCR_DTR  0x01U
#define MCR_RTS  0x02U
#define MCR_OUT1 0x04U
#define MCR_OUT2 0x08U
#define MCR_LOOP 0x10U
#define MCR_MASK 0x1fU

#define LSR_DR   0x01U
#define LSR_OE   0x02U
#define LSR_PE   0x04U
#define LSR_FE   0x08U
#define LSR_BI   0x10U
#define LSR_THRE 0x20U
#define LSR_TEMT 0x40U
#define LSR_FIFO 0x80U
/* What belongs to one character. */
#define LSR_CHAR       (LSR_PE | LSR_FE | LSR_BI)

#define MSR_DCTS       0x01U
#define MSR_DDSR       0x02U
#define MSR_TERI       0x04U
#define MSR_DDCD       0x08U
#define MSR_CTS        0x10U
#define MSR_DSR        0x20U
#define MSR_RI         0x40U
#define MSR_DCD        0x80U
#define MSR_DELTAS     0x0fU
#define MSR_LINES      0xf0U

#define UART_FIFO_SIZE 16U

/**
 * struct uart_fifo - Up to 16 characters
 * @data, @flags: characters and their LSR_CHAR bits, oldest first
 */
struct uart_fifo {
	uint8_t data[UART_FIFO_SIZE];
	uint8_t flags[UART_FIFO_SIZE];
	uint8_t count;
};

/**
 * struct uart - A 16550A
 * @cd: the line; not owned
 * @irq: its interrupt, level-triggered; not owned
 * @ier to @dlm: registers of those names, unused bits zero
 * @overrun: LSR_OE or 0
 * @msr_deltas: low half of MSR; the high half follows from @mcr
 * @thre_irq: the transmitter has become empty and the guest was not told
 * @rx, @tx: FIFOs; without FIFO mode only one character is used
 */
struct uart {
	struct chardev *cd;
	struct irq_line *irq;
	uint8_t ier;
	uint8_t fcr;
	uint8_t lcr;
	uint8_t mcr;
	uint8_t scr;
	uint8_t dll;
	uint8_t dlm;
	uint8_t overrun;
	uint8_t msr_deltas;
	bool thre_irq;
	struct uart_fifo rx;
	struct uart_fifo tx;
};

/*
 * Context of all of them: the lock of the device that it is part of.
 */

/** uart_reset() - To the state after power-on; keeps @cd and @irq */
void uart_reset(struct uart *uart);

/** uart_read(), uart_write() - Access register @reg, below NR_UART_REGS */
uint8_t uart_read(struct uart *uart, unsigned reg);
void uart_write(struct uart *uart, unsigned reg, uint8_t value);

/** uart_rx_ready() - The chardev has input */
void uart_rx_ready(struct uart *uart);

/** uart_tx_ready() - The chardev takes output again */
void uart_tx_ready(struct uart *uart);

/** uart_break() - The line was held low: a break arrives */
void uart_break(struct uart *uart);

void uart_save(const struct uart *uart, struct snap_writer *w);

/** uart_restore() - Return: 0, or -EBADMSG after a reset */
int uart_restore(struct uart *uart, struct snap_reader *r);

#endif
