/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel's file of any size and content, which may fail to be read. */
#ifndef PRIVET_TESTS_PROVE_FILE_H
#define PRIVET_TESTS_PROVE_FILE_H

#include "tests/prove/prove.h"
#include "vmm/image.h"

static void file_was_read(void *buf, uint64_t off, uint64_t len);

int image_read(const struct image *image, uint64_t off, void *buf, uint64_t len)
{
	if (!range_fits(off, len, image->size))
		return -ERANGE;
	prove(__CPROVER_w_ok(buf, len));
	if (nondet_bool())
		return -EIO;
	if (len > 0)
		__CPROVER_havoc_slice(buf, len);
	file_was_read(buf, off, len);
	return 0;
}

char *strerror(int error)
{
	static char text[] = "";

	(void)error;
	return text;
}

#endif
