/* SPDX-License-Identifier: Apache-2.0 */
/* A tap and a block device: see fake_devices.h. */
#include "tests/fakes/fake_devices.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fakes/fake_files.h"

#define BLOCK_BYTES (1 << 20)

static struct {
	int pipe[2];
	int block;
	unsigned calls;
	unsigned nth;
	int code;
	const char *failed;
	unsigned offloads;
} fake;

void fake_devices_init(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.block = memfd_create("block", MFD_CLOEXEC);
	if (pipe2(fake.pipe, O_CLOEXEC) < 0 || fake.block < 0 ||
	    ftruncate(fake.block, BLOCK_BYTES) < 0)
		abort();
	fake_files_add(FAKE_TUN, fake.pipe[0], 0);
	fake_files_add(FAKE_BLOCK, fake.block, S_IFBLK);
}

void fake_devices_end(void)
{
	fake_files_reset();
	close(fake.pipe[0]);
	close(fake.pipe[1]);
	close(fake.block);
}

int fake_devices_tap(void)
{
	return open(FAKE_TUN, O_RDWR | O_CLOEXEC);
}

void fake_devices_fail_nth(unsigned nth, int code)
{
	fake.nth = nth;
	fake.calls = 0;
	if (nth == 0)
		return;
	fake.code = code;
	fake.failed = NULL;
}

const char *fake_devices_failed(void)
{
	return fake.failed;
}

unsigned fake_devices_offloads(void)
{
	return fake.offloads;
}

/* They are asked by one thread only. */
static bool fails(const char *what)
{
	if (++fake.calls != fake.nth)
		return false;
	fake.failed = what;
	errno = fake.code;
	return true;
}

static int refuse(int code)
{
	errno = code;
	return -1;
}

static int get_interface(void *arg)
{
	struct ifreq *ifr = arg;

	strcpy(ifr->ifr_name, FAKE_TAP);
	ifr->ifr_flags = IFF_TAP | IFF_VNET_HDR;
	return 0;
}

static int set_interface(void *arg)
{
	const struct ifreq *ifr = arg;

	return strcmp(ifr->ifr_name, FAKE_TAP) == 0 ? 0 : refuse(EPERM);
}

/* It begins with all of them: whoever wants none has to say so. */
static int set_offloads(void *arg)
{
	fake.offloads = (unsigned)(uintptr_t)arg;
	return 0;
}

static int take(void *arg)
{
	(void)arg;
	return 0;
}

static int get_size(void *arg)
{
	*(uint64_t *)arg = BLOCK_BYTES;
	return 0;
}

static int get_512(void *arg)
{
	*(unsigned *)arg = 512;
	return 0;
}

static int get_0(void *arg)
{
	*(unsigned *)arg = 0;
	return 0;
}

static int discard(void *arg)
{
	const uint64_t *range = arg;

	return range[0] % 512 != 0 ? refuse(EINVAL) : 0;
}

static const struct request {
	const char *path;
	unsigned long request;
	const char *name;
	int (*fn)(void *arg);
} requests[] = {
	{ FAKE_TUN, TUNSETIFF, "TUNSETIFF", set_interface },
	{ FAKE_TUN, TUNGETIFF, "TUNGETIFF", get_interface },
	{ FAKE_TUN, TUNSETOFFLOAD, "TUNSETOFFLOAD", set_offloads },
	{ FAKE_TUN, TUNSETVNETHDRSZ, "TUNSETVNETHDRSZ", take },
	{ FAKE_TUN, TUNSETVNETLE, "TUNSETVNETLE", take },
	{ FAKE_BLOCK, BLKGETSIZE64, "BLKGETSIZE64", get_size },
	{ FAKE_BLOCK, BLKSSZGET, "BLKSSZGET", get_512 },
	{ FAKE_BLOCK, BLKROGET, "BLKROGET", get_0 },
	{ FAKE_BLOCK, BLKPBSZGET, "BLKPBSZGET", get_512 },
	{ FAKE_BLOCK, BLKIOMIN, "BLKIOMIN", get_512 },
	{ FAKE_BLOCK, BLKIOOPT, "BLKIOOPT", get_0 },
	{ FAKE_BLOCK, BLKDISCARD, "BLKDISCARD", discard },
};

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;

	va_start(args, request);
	void *arg = va_arg(args, void *);
	va_end(args);
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		const struct request *r = &requests[i];

		if (r->request == request && fake_files_is(fd, r->path))
			return fails(r->name) ? -1 : r->fn(arg);
	}
	return __real_ioctl(fd, request, arg);
}

unsigned __wrap_if_nametoindex(const char *name);
unsigned __wrap_if_nametoindex(const char *name)
{
	if (fails("if_nametoindex"))
		return 0;
	if (strcmp(name, FAKE_TAP) == 0)
		return 7;
	errno = ENODEV;
	return 0;
}
