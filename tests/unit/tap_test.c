/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taps: a real one in a network namespace of its own, where that is allowed.
 *
 * The other end of the interface is a packet socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "devices/tap.h"
#include "tests/fakes/skip.h"

/* Of the local experimental kind: the host's stack has nothing to say. */
#define TEST_ETHERTYPE 0x88b5

#define OPTION         "--network"

/* Why there can be no real tap here; empty when there can. */
static char why_not[128];

static int enter_namespace(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		snprintf(why_not, sizeof(why_not),
			 "no network namespace of our own: %s",
			 strerror(errno));
		return 0;
	}
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		snprintf(why_not, sizeof(why_not), "/dev/net/tun: %s",
			 strerror(errno));
		return 0;
	}
	close(fd);
	return 0;
}

static void need_tap(void)
{
	if (why_not[0] != '\0')
		skip_because(why_not);
}

/* An attached descriptor with these flags, or -1. */
static int raw_tap(const char *name, int flags)
{
	struct ifreq ifr = { 0 };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	memcpy(ifr.ifr_name, name, strlen(name));
	ifr.ifr_flags = (short)flags;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Brings the interface up and returns a packet socket on it. */
static int other_end(const char *name)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			htobe16(TEST_ETHERTYPE));

	assert_true(fd >= 0);
	memcpy(ifr.ifr_name, name, strlen(name));
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
	ifr.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);

	struct sockaddr_ll addr = { .sll_family = AF_PACKET,
				    .sll_protocol = htobe16(TEST_ETHERTYPE),
				    .sll_ifindex = (int)if_nametoindex(name) };

	assert_int_equal(bind(fd, (void *)&addr, sizeof(addr)), 0);
	return fd;
}

static void frame(uint8_t *buf, size_t len)
{
	static const uint8_t ethernet[] = { 2, 0, 0, 0, 0, 1,    2,
					    0, 0, 0, 0, 2, 0x88, 0xb5 };

	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(i * 3);
	memcpy(buf, ethernet, sizeof(ethernet));
}

static void wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 10000), 1);
}

/* The interface may have packets of its own to send: look for ours. */
static ssize_t read_frame(const struct tap *tap, uint8_t *buf, size_t len)
{
	for (unsigned i = 0; i < 100; i++) {
		wait_readable(tap->fd);
		ssize_t got = tap_read(tap, buf, len);

		if (got < (ssize_t)(TAP_HDR_LEN + 14) ||
		    (buf[TAP_HDR_LEN + 12] == 0x88 &&
		     buf[TAP_HDR_LEN + 13] == 0xb5))
			return got;
	}
	return -ENOMSG;
}

static void exchange(const struct tap *tap)
{
	static const uint8_t zeros[TAP_HDR_LEN];
	uint8_t hdr[TAP_HDR_LEN] = { 0 };
	uint8_t data[100], got[256];
	int peer = other_end(tap->name);

	frame(data, sizeof(data));
	assert_int_equal(send(peer, data, sizeof(data), 0), sizeof(data));
	memset(got, 0xee, sizeof(got));
	assert_int_equal(read_frame(tap, got, sizeof(got)),
			 TAP_HDR_LEN + sizeof(data));
	/* The last two bytes are num_buffers: the device's to fill. */
	assert_memory_equal(got, zeros, TAP_HDR_LEN - 2);
	assert_memory_equal(got + TAP_HDR_LEN, data, sizeof(data));

	struct iovec iov[] = { { hdr, sizeof(hdr) },
			       { data, 33 },
			       { data + 33, sizeof(data) - 33 } };

	assert_int_equal(tap_write(tap, iov, 3), 0);
	wait_readable(peer);
	assert_int_equal(recv(peer, got, sizeof(got), 0), sizeof(data));
	assert_memory_equal(got, data, sizeof(data));
	close(peer);
}

static void exchanges_packets(void **state)
{
	struct error err = { 0 };
	struct tap tap;

	(void)state;
	need_tap();
	assert_int_equal(tap_open(&tap, OPTION, "privet0", &err), 0);
	assert_string_equal(tap.name, "privet0");
	assert_true(tap.vnet_hdr);
	assert_true(tap.created);
	assert_int_equal(tap.offloads, TAP_CSUM | TAP_TSO4 | TAP_TSO6);
	assert_true(fcntl(tap.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(tap.fd, F_GETFD) & FD_CLOEXEC);
	exchange(&tap);
	tap_close(&tap);
	assert_int_equal(tap.fd, -1);
	assert_int_equal(if_nametoindex("privet0"), 0);
}

static void nothing_to_read(void **state)
{
	struct error err = { 0 };
	uint8_t buf[64];
	struct tap tap;

	(void)state;
	need_tap();
	assert_int_equal(tap_open(&tap, OPTION, "privet0", &err), 0);
	assert_int_equal(tap_read(&tap, buf, sizeof(buf)), -EAGAIN);
	tap_close(&tap);
}

/* A segment to be cut up: the host takes it only with a sound header. */
static void checks_segmentation(void **state)
{
	struct error err = { 0 };
	uint8_t data[1000] = { 0 };
	/* A type that does not exist, and a checksum outside the packet. */
	uint8_t bad_type[TAP_HDR_LEN] = { [1] = 0x33 };
	uint8_t bad_csum[TAP_HDR_LEN] = { [0] = 1, [6] = 0xff, [7] = 0xff };
	struct iovec iov[] = { { bad_type, TAP_HDR_LEN },
			       { data, sizeof(data) } };
	struct tap tap;

	(void)state;
	need_tap();
	assert_int_equal(tap_open(&tap, OPTION, "privet0", &err), 0);
	int peer = other_end(tap.name);

	frame(data, sizeof(data));
	assert_int_equal(tap_write(&tap, iov, 2), -EINVAL);
	iov[0].iov_base = bad_csum;
	assert_int_equal(tap_write(&tap, iov, 2), -EINVAL);
	close(peer);
	tap_close(&tap);
}

static void sets_offloads(void **state)
{
	struct error err = { 0 };
	struct tap tap;

	(void)state;
	need_tap();
	assert_int_equal(tap_open(&tap, OPTION, "privet0", &err), 0);
	assert_int_equal(tap_set_offload(&tap, tap.offloads), 0);
	assert_int_equal(tap_set_offload(&tap, TAP_CSUM), 0);
	assert_int_equal(tap_set_offload(&tap, 0), 0);
	assert_int_equal(tap_set_offload(&tap, TAP_TSO4), -EINVAL);
	tap_close(&tap);
}

static void header_is_little_endian(void **state)
{
	struct error err = { 0 };
	struct tap tap;
	int size = 0, le = 0;

	(void)state;
	need_tap();
	assert_int_equal(tap_open(&tap, OPTION, "privet0", &err), 0);
	assert_int_equal(ioctl(tap.fd, TUNGETVNETHDRSZ, &size), 0);
	assert_int_equal(ioctl(tap.fd, TUNGETVNETLE, &le), 0);
	assert_int_equal(size, TAP_HDR_LEN);
	assert_true(le);
	tap_close(&tap);
}

static void takes_a_descriptor(void **state)
{
	struct error err = { 0 };
	struct tap tap;

	(void)state;
	need_tap();
	int fd = raw_tap("privet1", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);

	assert_int_equal(tap_open_fd(&tap, OPTION, fd, &err), 0);
	assert_int_not_equal(tap.fd, fd);
	assert_int_equal(fcntl(tap.fd, F_GETFD), FD_CLOEXEC);
	assert_string_equal(tap.name, "privet1");
	assert_true(tap.vnet_hdr);
	assert_false(tap.created);
	assert_int_equal(tap.offloads, TAP_CSUM | TAP_TSO4 | TAP_TSO6);
	assert_true(fcntl(tap.fd, F_GETFL) & O_NONBLOCK);
	/* The tap has one of its own. */
	close(fd);
	exchange(&tap);
	tap_close(&tap);
}

static void works_without_headers(void **state)
{
	struct error err = { 0 };
	struct tap tap;

	(void)state;
	need_tap();
	int fd = raw_tap("privet1", IFF_TAP | IFF_NO_PI);

	assert_int_equal(tap_open_fd(&tap, OPTION, fd, &err), 0);
	close(fd);
	assert_false(tap.vnet_hdr);
	assert_int_equal(tap.offloads, 0);
	assert_int_equal(tap_set_offload(&tap, 0), 0);
	assert_int_equal(tap_set_offload(&tap, TAP_CSUM), -EINVAL);
	exchange(&tap);
	tap_close(&tap);
}

static void finds_several_queues(void **state)
{
	struct error err = { 0 };
	struct tap tap;

	(void)state;
	need_tap();
	/* The first queue keeps the interface of several queues alive. */
	int first = raw_tap("privet2", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
					       IFF_MULTI_QUEUE);

	assert_true(first >= 0);
	assert_int_equal(tap_open(&tap, OPTION, "privet2", &err), 0);
	assert_false(tap.created);
	tap_close(&tap);
	close(first);
}

static void delete_interface(const char *name)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
		uint8_t reply[256];
	} msg = {
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(msg.info)),
			  .nlmsg_type = RTM_DELLINK,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.info.ifi_index = (int)if_nametoindex(name),
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	assert_true(fd >= 0);
	assert_int_equal(send(fd, &msg, msg.head.nlmsg_len, 0),
			 msg.head.nlmsg_len);
	/* The answer comes when it is done. */
	assert_true(recv(fd, &msg, sizeof(msg), 0) > 0);
	close(fd);
	assert_int_equal(if_nametoindex(name), 0);
}

static void notices_that_it_is_gone(void **state)
{
	struct error err = { 0 };
	uint8_t data[64];
	uint8_t hdr[TAP_HDR_LEN] = { 0 };
	struct iovec iov[] = { { hdr, sizeof(hdr) }, { data, sizeof(data) } };
	struct tap tap;

	(void)state;
	need_tap();
	assert_int_equal(tap_open(&tap, OPTION, "privet0", &err), 0);
	frame(data, sizeof(data));
	/* It is down: that passes. */
	assert_int_equal(tap_write(&tap, iov, 2), -EIO);
	delete_interface(tap.name);
	struct pollfd p = { .fd = tap.fd };

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_true(p.revents & POLLERR);
	assert_int_equal(tap_read(&tap, data, sizeof(data)), -ENODEV);
	assert_int_equal(tap_write(&tap, iov, 2), -ENODEV);
	tap_close(&tap);
}

static void says_busy(void **state)
{
	struct error err = { 0 };
	struct tap tap;

	(void)state;
	need_tap();
	int fd = raw_tap("privet3", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);

	assert_int_equal(tap_open(&tap, OPTION, "privet3", &err), -EBUSY);
	assert_int_equal(tap.fd, -1);
	assert_non_null(strstr(err.text, "privet3"));
	assert_non_null(strstr(err.text, "another process"));
	close(fd);
}

static void refuses_other_interfaces(void **state)
{
	struct error err = { 0 };
	struct tap tap;

	(void)state;
	need_tap();
	assert_int_equal(tap_open(&tap, OPTION, "lo", &err), -EINVAL);
	assert_non_null(strstr(err.text, "lo is not a tap"));
}

static void check_refused_fd(int fd, const char *text)
{
	struct error err = { 0 };
	struct tap tap;

	assert_true(tap_open_fd(&tap, OPTION, fd, &err) < 0);
	assert_int_equal(tap.fd, -1);
	assert_non_null(strstr(err.text, OPTION));
	assert_non_null(strstr(err.text, text));
	assert_null(strchr(err.text, '\n'));
}

static void refuses_other_descriptors(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(pipe(pair), 0);
	check_refused_fd(pair[0], "is not a tap");
	/* It stays the caller's. */
	assert_true(fcntl(pair[0], F_GETFD) >= 0);
	close(pair[0]);
	close(pair[1]);
	check_refused_fd(pair[0], "is not a tap");
}

static void refuses_taps_of_another_kind(void **state)
{
	(void)state;
	need_tap();
	int fd = open("/dev/net/tun", O_RDWR);

	check_refused_fd(fd, "after TUNSETIFF");
	close(fd);
	fd = raw_tap("privet4", IFF_TUN | IFF_NO_PI);
	check_refused_fd(fd, "interface privet4, which is a tun");
	close(fd);
}

/* As in a user's own session. */
static int drop_net_admin(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps) < 0)
		return -errno;
	for (unsigned i = 0; i < 2; i++)
		caps[i].effective = 0;
	return syscall(SYS_capset, &head, caps) < 0 ? -errno : 0;
}

/* Last: it gives privileges up. */
static void says_how_to_make_one(void **state)
{
	struct error err = { 0 };
	struct tap tap;

	(void)state;
	need_tap();
	int fd = raw_tap("privet5", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);

	/* It goes away with the namespace. */
	assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
	bool owned = ioctl(fd, TUNSETOWNER, 12345) == 0;

	close(fd);
	assert_int_equal(drop_net_admin(), 0);
	assert_int_equal(tap_open(&tap, OPTION, "privet6", &err), -EPERM);
	assert_non_null(strstr(err.text, "there is no interface privet6"));
	assert_non_null(strstr(err.text, "ip tuntap add dev privet6 mode tap "
					 "user $USER"));
	if (!owned)
		return;
	assert_int_equal(tap_open(&tap, OPTION, "privet5", &err), -EPERM);
	assert_non_null(strstr(err.text, "privet5 does not belong"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exchanges_packets),
		cmocka_unit_test(nothing_to_read),
		cmocka_unit_test(checks_segmentation),
		cmocka_unit_test(sets_offloads),
		cmocka_unit_test(header_is_little_endian),
		cmocka_unit_test(takes_a_descriptor),
		cmocka_unit_test(works_without_headers),
		cmocka_unit_test(finds_several_queues),
		cmocka_unit_test(notices_that_it_is_gone),
		cmocka_unit_test(says_busy),
		cmocka_unit_test(refuses_other_interfaces),
		cmocka_unit_test(refuses_other_descriptors),
		cmocka_unit_test(refuses_taps_of_another_kind),
		cmocka_unit_test(says_how_to_make_one),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
