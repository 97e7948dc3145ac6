/* SPDX-License-Identifier: Apache-2.0 */
/* The only calls into /dev/kvm. */
#include "vmm/kvm_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int kvm_sys_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fd;
}

int kvm_sys_ioctl(int fd, unsigned long request, uintptr_t arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

int kvm_sys_mmap(int fd, size_t size, void **out)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*out = map;
	return 0;
}

void kvm_sys_munmap(void *map, size_t size)
{
	munmap(map, size);
}

void kvm_sys_close(int fd)
{
	close(fd);
}
