/* SPDX-License-Identifier: Apache-2.0 */
/* Booting: the files that a guest begins with, and what a tree says of them. */
#include "vmm/boot_files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "vmm/elf.h"
#include "vmm/fdt.h"
#include "vmm/vm.h"

static const char *file_name(const struct file_config *file, char *buf,
			     size_t size)
{
	if (file->path)
		return file->path;
	snprintf(buf, size, "fd=%d", file->fd);
	return buf;
}

static int open_initrd(struct image *initrd, struct error *err)
{
	struct stat st;

	if (initrd->fd < 0)
		return 0;
	if (fstat(initrd->fd, &st) < 0) {
		int code = -errno;

		return error_host(err, code, "cannot look at initrd %s: %s",
				  initrd->name, strerror(-code));
	}
	if (!S_ISREG(st.st_mode))
		return error_usage(err,
				   "initrd %s is not a regular file: give a "
				   "cpio archive",
				   initrd->name);
	if (st.st_size == 0)
		return error_usage(err, "initrd %s is empty", initrd->name);
	initrd->size = (uint64_t)st.st_size;
	return 0;
}

int boot_files_open(struct boot_files *files, struct vm *vm, struct error *err)
{
	const struct gmem_region *ram = &vm->gmem.regions[0];

	*files = (struct boot_files){
		.vm = vm,
		.ram = ram->gpa,
		.ram_end = ram->gpa + ram->size,
		.initrd = { .fd = vm->initrd_fd },
	};
	files->initrd.name = file_name(&vm->cfg->initrd, files->initrd_name,
				       sizeof(files->initrd_name));
	int ret = image_open(&files->kernel, vm->kernel_fd,
			     file_name(&vm->cfg->kernel, files->kernel_name,
				       sizeof(files->kernel_name)),
			     err);
	if (ret)
		return ret;
	ret = open_initrd(&files->initrd, err);
	if (ret)
		boot_files_close(files);
	return ret;
}

void boot_files_close(struct boot_files *files)
{
	image_close(&files->kernel);
}

/* Bytes to whole MiB, rounded up: for messages. */
static uint64_t to_mib(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes & (MIB(1) - 1)) != 0);
}

int boot_no_room(const struct boot_files *files, const char *what,
		 const char *name, uint64_t size, uint64_t needed,
		 struct error *err)
{
	return error_usage(err,
			   "%s %s needs %" PRIu64 " MiB, for which the %" PRIu64
			   " MiB of RAM have no room: give --mem %" PRIu64
			   "M or more",
			   what, name, to_mib(size),
			   to_mib(files->ram_end - files->ram), to_mib(needed));
}

uint64_t boot_highest(uint64_t low, uint64_t high, uint64_t size,
		      uint64_t align)
{
	if (low > high || !range_fits(0, size, high - low))
		return 0;
	uint64_t start = align_down(high - size, align);
	return start < low ? 0 : start;
}

int boot_load_initrd(const struct boot_files *files, uint64_t gpa,
		     struct error *err)
{
	struct gmem *gmem = &files->vm->gmem;
	uint64_t size = files->initrd.size;

	if (size == 0)
		return 0;
	void *host = gmem_range(gmem, gpa, size);
	int ret = image_read(&files->initrd, 0, host, size);
	if (ret)
		return error_host(err, ret, "cannot read initrd %s: %s",
				  files->initrd.name, strerror(-ret));
	gmem_mark_dirty(gmem, host, size);
	return 0;
}

void boot_clear(const struct boot_files *files, uint64_t gpa, uint64_t size)
{
	struct gmem *gmem = &files->vm->gmem;
	void *host = gmem_range(gmem, gpa, size);

	if (!host)
		return;
	memset(host, 0, size);
	gmem_mark_dirty(gmem, host, size);
}

void boot_clear_elf(const struct boot_files *files, const struct elf *elf,
		    uint64_t offset)
{
	for (unsigned i = 0; i < elf->nr_segments; i++) {
		const struct elf_segment *s = &elf->segments[i];

		boot_clear(files, s->paddr + offset + s->file_size,
			   s->mem_size - s->file_size);
	}
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		data += done;
		len -= (size_t)done;
	}
	return 0;
}

static int dump_tree(const char *path, const void *blob, size_t len,
		     struct error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	int ret = fd < 0 ? -errno : write_all(fd, blob, len);

	if (fd >= 0 && close(fd) < 0 && ret == 0)
		ret = -errno;
	if (ret)
		return error_host(err, ret,
				  "--dump-dtb: cannot write %s: %s; check the "
				  "path, its permissions and the free space",
				  path, strerror(-ret));
	return 0;
}

int boot_load_tree(const struct boot_files *files, struct fdt_builder *fdt,
		   uint64_t gpa, struct error *err)
{
	const char *dump = files->vm->cfg->dump_dtb;
	const void *blob;
	size_t len;
	int ret = fdt_builder_finish(fdt, &blob, &len, err);

	/* Only once: no file can be opened any more when the guest has run. */
	if (ret == 0 && dump && vm_first_life(files->vm))
		ret = dump_tree(dump, blob, len, err);
	if (ret)
		return ret;
	/* The caller has found room for it. */
	return gmem_write(&files->vm->gmem, gpa, blob, len);
}

/* Whether a word of the command line begins with "console=". */
static bool names_console(const char *params)
{
	static const char key[] = "console=";

	for (const char *at = params; (at = strstr(at, key)) != NULL; at++) {
		if (at == params || at[-1] == ' ' || at[-1] == '\t')
			return true;
	}
	return false;
}

int boot_fdt_params(const struct vm *vm, const char *console, size_t max,
		    struct fdt_builder *fdt)
{
	const char *params = vm->cfg->params != NULL ? vm->cfg->params : "";
	bool add = console != NULL && !names_console(params);
	char *line = NULL;

	if (asprintf(&line, "%s%s%s%s", params, add && params[0] ? " " : "",
		     add ? "console=" : "", add ? console : "") < 0)
		return -ENOMEM;
	if (strlen(line) > max && vm_first_life(vm))
		log_warning(vm->log,
			    "the kernel command line has %zu bytes, of which "
			    "Linux uses %zu here; shorten --params",
			    strlen(line), max);
	fdt_prop_string(fdt, "bootargs", line);
	free(line);
	return 0;
}

int boot_fdt_seed(const char *name, size_t len, struct fdt_builder *fdt)
{
	uint8_t seed[BOOT_SEED_MAX];

	if (len > sizeof(seed))
		return -EINVAL;
	if (getrandom(seed, len, 0) != (ssize_t)len)
		return -EIO;
	fdt_prop_bytes(fdt, name, seed, len);
	return 0;
}
