/* SPDX-License-Identifier: Apache-2.0 */
/* Tap interfaces: see tap.h. */
#include "devices/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TAP_DEVICE "/dev/net/tun"

_Static_assert(TAP_CSUM == TUN_F_CSUM && TAP_TSO4 == TUN_F_TSO4 &&
		       TAP_TSO6 == TUN_F_TSO6,
	       "offloads are handed to the kernel as they are");

static int open_error(const char *option, const char *name, int code,
		      struct error *err)
{
	const char *todo = "hand over an open tap with fd=N instead";

	if (code == -ENOENT || code == -ENXIO || code == -ENODEV)
		todo = "load the driver with `modprobe tun`; a container "
		       "needs the device passed in";
	else if (code == -EACCES || code == -EPERM)
		todo = "give this user access to it, or hand over an open "
		       "tap with fd=N";
	return error_host(err, code,
			  "%s: cannot open " TAP_DEVICE " for interface %s: "
			  "%s; %s",
			  option, name, strerror(-code), todo);
}

/* Return: 1: there is one, 0: there is none, or negative errno: who knows. */
static int look_for(const char *name)
{
	if (if_nametoindex(name) != 0)
		return 1;
	return errno == ENODEV ? 0 : -errno;
}

/*
 * What TUNSETIFF means by an error depends on what there is by that name;
 * @exists is what look_for() said.
 */
static int attach_error(const char *option, const char *name, int exists,
			int code, struct error *err)
{
	if (code == -EPERM && exists == 0)
		return error_host(err, code,
				  "%s: there is no interface %s, and making "
				  "it is not permitted; make it with `ip "
				  "tuntap add dev %s mode tap user $USER`",
				  option, name, name);
	if (code == -EPERM && exists > 0)
		return error_host(err, code,
				  "%s: interface %s does not belong to this "
				  "user; make it anew with `ip tuntap add dev "
				  "%s mode tap user $USER`",
				  option, name, name);
	if (code == -EBUSY)
		return error_host(err, code,
				  "%s: interface %s is in use by another "
				  "process; end that, or give another tap",
				  option, name);
	if (code == -EINVAL && exists > 0)
		return error_host(err, code,
				  "%s: interface %s is not a tap; make one "
				  "with `ip tuntap add dev NAME mode tap user "
				  "$USER`",
				  option, name);
	return error_host(err, code,
			  "%s: cannot attach to interface %s: %s; try `ip "
			  "tuntap add dev %s mode tap user $USER`",
			  option, name, strerror(-code), name);
}

static int attach(int fd, const char *name)
{
	struct ifreq ifr = { 0 };

	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &ifr) == 0)
		return 0;
	/* A tap that was made for several queues has to be asked for so. */
	if (errno == EINVAL) {
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
		if (ioctl(fd, TUNSETIFF, &ifr) == 0)
			return 0;
	}
	return -errno;
}

/* In the end there are none: the guest has not asked for any yet. */
static int probe_offloads(struct tap *tap, const char *option,
			  struct error *err)
{
	static const unsigned wanted[] = { TAP_CSUM, TAP_CSUM | TAP_TSO4,
					   TAP_CSUM | TAP_TSO6 };

	tap->offloads = 0;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)wanted[i]) ==
		    0)
			tap->offloads |= wanted[i];
	}

	int ret = tap_set_offload(tap, 0);
	if (ret < 0)
		return error_host(err, ret,
				  "%s: cannot switch the offloads of interface "
				  "%s off: %s; hand over another tap",
				  option, tap->name, strerror(-ret));
	return 0;
}

/* The header is that of virtio 1.x: 12 bytes, little-endian everywhere. */
static int set_header(struct tap *tap, const char *option, struct error *err)
{
	int size = TAP_HDR_LEN;
	int on = 1;

	if (ioctl(tap->fd, TUNSETVNETHDRSZ, &size) == 0 &&
	    ioctl(tap->fd, TUNSETVNETLE, &on) == 0)
		return 0;

	int code = -errno;
	return error_host(err, code,
			  "%s: interface %s refuses little-endian packet "
			  "headers of %d bytes: %s; run Linux 4.0 or newer",
			  option, tap->name, size, strerror(-code));
}

static int set_up(struct tap *tap, const char *option, struct error *err)
{
	if (!tap->vnet_hdr)
		return 0;

	int ret = set_header(tap, option, err);
	if (ret == 0)
		ret = probe_offloads(tap, option, err);
	return ret;
}

int tap_open(struct tap *tap, const char *option, const char *name,
	     struct error *err)
{
	*tap = (struct tap){ .vnet_hdr = true };
	memcpy(tap->name, name, strnlen(name, sizeof(tap->name) - 1));

	tap->fd = open(TAP_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->fd < 0)
		return open_error(option, tap->name, -errno, err);

	int exists = look_for(tap->name);
	int ret = attach(tap->fd, tap->name);
	if (ret < 0) {
		attach_error(option, tap->name, exists, ret, err);
		goto err_close;
	}
	tap->created = exists == 0;
	ret = set_up(tap, option, err);
	if (ret < 0)
		goto err_close;
	return 0;

err_close:
	close(tap->fd);
	tap->fd = -1;
	return ret;
}

static int check_fd(struct tap *tap, const char *option, struct error *err)
{
	struct ifreq ifr = { 0 };

	if (ioctl(tap->fd, TUNGETIFF, &ifr) < 0) {
		int code = -errno;

		return error_host(err, code,
				  "%s: descriptor %d is not a tap with an "
				  "interface: %s; hand over " TAP_DEVICE
				  " after TUNSETIFF",
				  option, tap->fd, strerror(-code));
	}
	memcpy(tap->name, ifr.ifr_name, sizeof(tap->name) - 1);
	/* IFF_NO_PI cannot be seen: IFF_NOFILTER is reported in its bit. */
	if (!(ifr.ifr_flags & IFF_TAP))
		return error_host(err, -EINVAL,
				  "%s: descriptor %d is interface %s, which "
				  "is a tun and has no Ethernet; open it with "
				  "IFF_TAP and IFF_NO_PI",
				  option, tap->fd, tap->name);
	tap->vnet_hdr = ifr.ifr_flags & IFF_VNET_HDR;
	return 0;
}

void tap_close(struct tap *tap)
{
	if (tap->fd >= 0)
		close(tap->fd);
	tap->fd = -1;
}

int tap_open_fd(struct tap *tap, const char *option, int fd, struct error *err)
{
	/* What is wrong with it is said by its own number. */
	*tap = (struct tap){ .fd = fd };
	int ret = check_fd(tap, option, err);
	tap->fd = -1;
	if (ret < 0)
		return ret;

	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
		tap->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (tap->fd < 0)
		return error_host(err, -errno,
				  "%s: cannot make a non-blocking copy of "
				  "descriptor %d: %s; hand over another one",
				  option, fd, strerror(errno));
	ret = set_up(tap, option, err);
	if (ret < 0)
		tap_close(tap);
	return ret;
}

int tap_set_offload(const struct tap *tap, unsigned offloads)
{
	if (!tap->vnet_hdr)
		return offloads == 0 ? 0 : -EINVAL;
	if (ioctl(tap->fd, TUNSETOFFLOAD, (unsigned long)offloads) < 0)
		return -errno;
	return 0;
}

/* A detached queue reports EBADFD: the interface was deleted. */
static int io_error(int code)
{
	return code == EBADFD || code == ENODEV ? -ENODEV : -code;
}

ssize_t tap_read(const struct tap *tap, void *buf, size_t len)
{
	size_t skip = tap->vnet_hdr ? 0 : TAP_HDR_LEN;
	ssize_t got;

	do {
		got = read(tap->fd, (uint8_t *)buf + skip, len - skip);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return io_error(errno);
	/* Not a packet: what the descriptor led to has ended. */
	if (got == 0)
		return -ENODEV;

	memset(buf, 0, skip);
	return got + (ssize_t)skip;
}

int tap_write(const struct tap *tap, const struct iovec *iov, unsigned count)
{
	unsigned skip = tap->vnet_hdr ? 0 : 1;
	ssize_t sent;

	do {
		sent = writev(tap->fd, iov + skip, (int)(count - skip));
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? io_error(errno) : 0;
}
