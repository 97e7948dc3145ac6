/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tap interfaces: Ethernet packets to and from the host's network stack.
 *
 * At this interface a packet always begins with a header of TAP_HDR_LEN bytes
 * (virtio 1.2, 5.1.6, little-endian). A descriptor without IFF_VNET_HDR does
 * not carry it: tap_read() then makes a header of zeros and tap_write() leaves
 * it away, and no offload may be asked for.
 */
#ifndef PRIVET_DEVICES_TAP_H
#define PRIVET_DEVICES_TAP_H

#include <net/if.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "vmm/error.h"

#define TAP_HDR_LEN 12U

/* What a reader of packets may be asked to cope with; as in linux/if_tun.h. */
#define TAP_CSUM 1U
#define TAP_TSO4 2U
#define TAP_TSO6 4U

/* Ethernet frames: a header, and at most 64 KiB of it segmented later. */
#define TAP_MIN_PACKET 14U
#define TAP_MAX_PACKET 65550U

/**
 * struct tap - An open tap
 * @fd: non-blocking descriptor; owned
 * @vnet_hdr: packets carry the header on @fd
 * @created: opening made the interface; it goes away with @fd
 * @offloads: TAP_* that tap_set_offload() takes
 * @name: of the interface
 */
struct tap {
	int fd;
	bool vnet_hdr;
	bool created;
	unsigned offloads;
	char name[IFNAMSIZ];
};

/**
 * tap_open() - Open an interface by name
 * @option: for messages, such as "--network"
 * @name: 1 to IFNAMSIZ - 1 characters
 *
 * An interface that does not exist is made, if that is permitted.
 *
 * Return: 0, or negative errno with @err saying what to do.
 */
int tap_open(struct tap *tap, const char *option, const char *name,
	     struct error *err);

/**
 * tap_open_fd() - Use a descriptor that is attached to an interface
 * @fd: opened with IFF_NO_PI; a copy is made
 *
 * Return: as tap_open().
 */
int tap_open_fd(struct tap *tap, const char *option, int fd, struct error *err);
void tap_close(struct tap *tap);

/**
 * tap_set_offload() - Say what packets from tap_read() may leave undone
 * @offloads: subset of tap->offloads; segmentation needs TAP_CSUM
 *
 * Packets that are waiting already keep what they have.
 *
 * Return: 0 or negative errno. Context: any thread.
 */
int tap_set_offload(const struct tap *tap, unsigned offloads);

/**
 * tap_read() - Take the next packet, with its header
 * @len: at least TAP_HDR_LEN; a longer packet is cut off, so ask for one byte
 *	more than the longest packet that makes sense
 *
 * Return: bytes, -EAGAIN when there is none, -EINVAL when it was one that the
 * header cannot describe and is lost, -ENODEV when the interface is gone, or
 * another negative errno. Never blocks.
 */
ssize_t tap_read(const struct tap *tap, void *buf, size_t len);

/**
 * tap_write() - Send one packet
 * @iov: the first is the header, of TAP_HDR_LEN bytes
 * @count: 2 or more
 *
 * Return: 0; -EAGAIN when it has to wait for EPOLLOUT; -ENODEV when the
 * interface is gone; -EINVAL when the host finds fault with the packet; or
 * another negative errno, such as -EIO while the interface is down. Never
 * blocks.
 */
int tap_write(const struct tap *tap, const struct iovec *iov, unsigned count);

#endif
