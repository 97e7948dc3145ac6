/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ELF64 kernels.
 *
 * The file is not trusted: every header field is checked before it is used,
 * and what elf_parse() returns keeps these promises: no segment wraps, none
 * overlaps another in memory, all file bytes are there.
 *
 * Headers are turned to this machine's byte order as they are read.
 */
#include "vmm/elf.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "vmm/bytes.h"

/* Program headers looked at: vmlinux files have fewer than ten. */
#define ELF_MAX_HEADERS 128

struct elf_machine {
	uint16_t machine;
	const char *name;
};

static const struct elf_machine elf_machines[] = {
	{ EM_SPARC, "sparc" },      { EM_386, "x86 (32-bit)" },
	{ EM_MIPS, "mips" },        { EM_PPC, "ppc (32-bit)" },
	{ EM_PPC64, "ppc64le" },    { EM_S390, "s390x" },
	{ EM_ARM, "arm (32-bit)" }, { EM_SPARCV9, "sparc64" },
	{ EM_X86_64, "x86-64" },    { EM_AARCH64, "arm64" },
	{ EM_RISCV, "riscv64" },    { 258, "loongarch64" },
};

static const char *machine_name(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(elf_machines); i++)
		if (elf_machines[i].machine == machine)
			return elf_machines[i].name;
	return NULL;
}

static int wrong_machine(const struct image *image, uint16_t machine,
			 uint16_t wanted, struct error *err)
{
	const char *name = machine_name(machine), *ours = machine_name(wanted);

	if (!ours)
		ours = "other";
	if (name)
		return error_usage(err,
				   "kernel %s is for %s, this privet runs %s "
				   "guests: give a %s kernel",
				   image->name, name, ours, ours);
	return error_usage(err,
			   "kernel %s is an ELF file for machine %u, this "
			   "privet runs %s guests: give a %s kernel",
			   image->name, machine, ours, ours);
}

bool elf_detect(const struct image *image)
{
	uint8_t magic[SELFMAG];
	int ret = image_read(image, 0, magic, sizeof(magic));

	/* What cannot be read may be one: elf_parse() says what is wrong. */
	if (ret < 0)
		return ret != -ERANGE;
	return memcmp(magic, ELFMAG, SELFMAG) == 0;
}

static int truncated(const struct image *image, const char *what,
		     struct error *err)
{
	return error_usage(err,
			   "kernel %s is truncated: %s ends beyond its %" PRIu64
			   " bytes; copy or build the file again",
			   image->name, what, image->size);
}

static uint16_t host16(bool big, uint16_t raw)
{
	return big ? be16toh(raw) : le16toh(raw);
}

static uint32_t host32(bool big, uint32_t raw)
{
	return big ? be32toh(raw) : le32toh(raw);
}

static uint64_t host64(bool big, uint64_t raw)
{
	return big ? be64toh(raw) : le64toh(raw);
}

/* The fields that are looked at. */
static void header_to_host(bool big, Elf64_Ehdr *header)
{
	header->e_type = host16(big, header->e_type);
	header->e_machine = host16(big, header->e_machine);
	header->e_entry = host64(big, header->e_entry);
	header->e_phoff = host64(big, header->e_phoff);
	header->e_flags = host32(big, header->e_flags);
	header->e_phentsize = host16(big, header->e_phentsize);
	header->e_phnum = host16(big, header->e_phnum);
}

/* Guests of POWER choose their byte order at run time, no others do. */
static bool may_be_big_endian(uint16_t machine)
{
	return machine == EM_PPC64;
}

static int check_ident(const struct image *image, const uint8_t *ident,
		       uint16_t machine, struct error *err)
{
	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return error_usage(err, "kernel %s is not an ELF file",
				   image->name);
	if (ident[EI_CLASS] != ELFCLASS64)
		return error_usage(err,
				   "kernel %s is a 32-bit ELF file: give a "
				   "64-bit kernel",
				   image->name);
	if (ident[EI_DATA] != ELFDATA2LSB &&
	    !(ident[EI_DATA] == ELFDATA2MSB && may_be_big_endian(machine)))
		return error_usage(err,
				   "kernel %s is a big-endian ELF file: give a "
				   "little-endian kernel",
				   image->name);
	return 0;
}

static int check_header(const struct image *image, const Elf64_Ehdr *header,
			uint16_t machine, struct error *err)
{
	uint16_t type = header->e_type;

	if (header->e_machine != machine)
		return wrong_machine(image, header->e_machine, machine, err);
	if (type != ET_EXEC && type != ET_DYN)
		return error_usage(err,
				   "kernel %s is an ELF %s, not an executable: "
				   "give vmlinux or an Image",
				   image->name,
				   type == ET_CORE  ? "core dump"
				   : type == ET_REL ? "object file"
						    : "file of another type");
	if (header->e_phnum > ELF_MAX_HEADERS ||
	    header->e_phentsize != sizeof(Elf64_Phdr))
		return error_usage(err,
				   "kernel %s has %u ELF program headers of %u "
				   "bytes: privet takes up to %u of %zu",
				   image->name, header->e_phnum,
				   header->e_phentsize, ELF_MAX_HEADERS,
				   sizeof(Elf64_Phdr));
	return 0;
}

static bool segments_overlap(const struct elf *elf,
			     const struct elf_segment *new)
{
	for (unsigned i = 0; i < elf->nr_segments; i++) {
		const struct elf_segment *old = &elf->segments[i];

		if (ranges_overlap(old->paddr, old->mem_size, new->paddr,
				   new->mem_size))
			return true;
	}
	return false;
}

static int add_segment(const struct image *image,
		       const struct elf_segment *segment, struct elf *elf,
		       struct error *err)
{
	if (!range_fits(segment->offset, segment->file_size, image->size))
		return truncated(image, "a segment", err);
	if (segment->file_size > segment->mem_size)
		return error_usage(err,
				   "kernel %s is damaged: a segment has more "
				   "bytes in the file than in memory",
				   image->name);
	if (!range_fits(segment->paddr, segment->mem_size, UINT64_MAX))
		return error_usage(
			err,
			"kernel %s is damaged: a segment at 0x%" PRIx64
			" wraps around the address space",
			image->name, segment->paddr);
	if (segments_overlap(elf, segment))
		return error_usage(err,
				   "kernel %s is damaged: the segment at "
				   "0x%" PRIx64 " overlaps another",
				   image->name, segment->paddr);
	if (elf->nr_segments == ELF_MAX_SEGMENTS)
		return error_usage(err,
				   "kernel %s has more than %u loadable "
				   "segments",
				   image->name, ELF_MAX_SEGMENTS);
	elf->segments[elf->nr_segments++] = *segment;
	elf->low = min_u64(elf->low, segment->paddr);
	elf->high = max_u64(elf->high, segment->paddr + segment->mem_size);
	return 0;
}

static int parse_segment(const struct image *image, uint64_t offset,
			 struct elf *elf, struct error *err)
{
	Elf64_Phdr header;
	int ret = image_read(image, offset, &header, sizeof(header));

	if (ret)
		return ret == -ERANGE
			       ? truncated(image, "a program header", err)
			       : error_host(err, ret,
					    "cannot read kernel %s: %s",
					    image->name, strerror(-ret));
	const struct elf_segment segment = {
		.offset = host64(elf->big_endian, header.p_offset),
		.paddr = host64(elf->big_endian, header.p_paddr),
		.vaddr = host64(elf->big_endian, header.p_vaddr),
		.file_size = host64(elf->big_endian, header.p_filesz),
		.mem_size = host64(elf->big_endian, header.p_memsz),
	};

	if (host32(elf->big_endian, header.p_type) != PT_LOAD ||
	    (segment.mem_size == 0 && segment.file_size == 0))
		return 0;
	return add_segment(image, &segment, elf, err);
}

/* Sets @paddr to where address @entry ends up, if a segment has it. */
static bool find_entry(const struct elf *elf, uint64_t *paddr)
{
	for (unsigned i = 0; i < elf->nr_segments; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (elf->entry - segment->vaddr < segment->mem_size) {
			*paddr = segment->paddr + elf->entry - segment->vaddr;
			return true;
		}
	}
	/* Some firmware gives the physical address. */
	for (unsigned i = 0; i < elf->nr_segments; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		if (elf->entry - segment->paddr < segment->mem_size) {
			*paddr = elf->entry;
			return true;
		}
	}
	return false;
}

static int parse_segments(const struct image *image, const Elf64_Ehdr *header,
			  struct elf *elf, struct error *err)
{
	uint64_t table = header->e_phoff, paddr;
	unsigned count = header->e_phnum;

	if (!range_fits(table, count * sizeof(Elf64_Phdr), image->size))
		return truncated(image, "the program header table", err);
	for (unsigned i = 0; i < count; i++) {
		int ret = parse_segment(image, table + i * sizeof(Elf64_Phdr),
					elf, err);

		if (ret)
			return ret;
	}
	if (elf->nr_segments == 0)
		return error_usage(err,
				   "kernel %s has no loadable segment: give "
				   "vmlinux or an Image",
				   image->name);
	if (!find_entry(elf, &paddr))
		return error_usage(err,
				   "kernel %s is damaged: no segment holds its "
				   "entry point 0x%" PRIx64,
				   image->name, elf->entry);
	return 0;
}

int elf_parse(const struct image *image, uint16_t machine, struct elf *elf,
	      struct error *err)
{
	Elf64_Ehdr header;
	int ret = image_read(image, 0, &header, sizeof(header));

	if (ret == -ERANGE)
		return truncated(image, "the ELF header", err);
	if (ret)
		return error_host(err, ret, "cannot read kernel %s: %s",
				  image->name, strerror(-ret));
	ret = check_ident(image, header.e_ident, machine, err);
	if (ret)
		return ret;
	bool big = header.e_ident[EI_DATA] == ELFDATA2MSB;
	header_to_host(big, &header);
	ret = check_header(image, &header, machine, err);
	if (ret)
		return ret;
	*elf = (struct elf){
		.big_endian = big,
		.entry = header.e_entry,
		.flags = header.e_flags,
		.low = UINT64_MAX,
	};
	return parse_segments(image, &header, elf, err);
}

static int load_segment(const struct image *image,
			const struct elf_segment *segment, uint64_t gpa,
			struct gmem *gmem, struct error *err)
{
	uint8_t *host = gmem_range(gmem, gpa, segment->mem_size);

	if (!host)
		return error_usage(err,
				   "kernel %s does not fit: its segment of "
				   "%" PRIu64 " bytes at 0x%" PRIx64
				   " is not all RAM; give more --mem",
				   image->name, segment->mem_size, gpa);
	int ret = image_read(image, segment->offset, host, segment->file_size);
	if (ret)
		return error_host(err, ret, "cannot read kernel %s: %s",
				  image->name, strerror(-ret));
	gmem_mark_dirty(gmem, host, segment->file_size);
	return 0;
}

int elf_load(const struct image *image, const struct elf *elf, uint64_t offset,
	     struct gmem *gmem, struct error *err)
{
	for (unsigned i = 0; i < elf->nr_segments; i++) {
		const struct elf_segment *segment = &elf->segments[i];
		int ret = load_segment(image, segment, segment->paddr + offset,
				       gmem, err);

		if (ret)
			return ret;
	}
	return 0;
}

uint64_t elf_entry_paddr(const struct elf *elf)
{
	uint64_t paddr = elf->entry;

	find_entry(elf, &paddr);
	return paddr;
}
