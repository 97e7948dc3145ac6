/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access to a popped chain's buffers.
 *
 * The iovecs are ours and lie in guest RAM; the bytes that they point to
 * belong to the guest, which may change them at any time.
 */
#include "devices/virtq.h"

#include <errno.h>
#include <string.h>

int virtq_chain_slice(const struct virtq_chain *chain, bool writable,
		      uint64_t off, uint64_t len, struct iovec *iov,
		      unsigned max)
{
	const struct iovec *from = chain->iov + (writable ? chain->nr_out : 0);
	unsigned count = 0;

	if (!range_fits(off, len, writable ? chain->in_len : chain->out_len))
		return -ERANGE;
	for (; len > 0; from++) {
		if (off >= from->iov_len) {
			off -= from->iov_len;
			continue;
		}
		if (count == max)
			return -ERANGE;
		iov[count].iov_base = (uint8_t *)from->iov_base + off;
		iov[count].iov_len = (size_t)min_u64(len, from->iov_len - off);
		len -= iov[count].iov_len;
		off = 0;
		count++;
	}
	return (int)count;
}

size_t virtq_chain_read(const struct virtq_chain *chain, uint64_t off,
			void *buf, size_t len)
{
	size_t done = 0;

	for (unsigned i = 0; i < chain->nr_out && done < len; i++) {
		const struct iovec *v = &chain->iov[i];

		if (off >= v->iov_len) {
			off -= v->iov_len;
			continue;
		}
		size_t part = min_size(len - done, v->iov_len - (size_t)off);

		gmem_copy_in((uint8_t *)buf + done,
			     (const uint8_t *)v->iov_base + off, part);
		done += part;
		off = 0;
	}
	return done;
}

size_t virtq_chain_write(struct virtq *vq, const struct virtq_chain *chain,
			 uint64_t off, const void *buf, size_t len)
{
	const struct iovec *in = chain->iov + chain->nr_out;
	size_t done = 0;

	for (unsigned i = 0; i < chain->nr_in && done < len; i++) {
		if (off >= in[i].iov_len) {
			off -= in[i].iov_len;
			continue;
		}
		uint8_t *to = (uint8_t *)in[i].iov_base + off;
		size_t part = min_size(len - done, in[i].iov_len - (size_t)off);

		memcpy(to, (const uint8_t *)buf + done, part);
		gmem_mark_dirty(vq->gmem, to, part);
		done += part;
		off = 0;
	}
	return done;
}

void virtq_chain_dirty(struct virtq *vq, const struct virtq_chain *chain,
		       uint64_t len)
{
	const struct iovec *in = chain->iov + chain->nr_out;

	for (unsigned i = 0; i < chain->nr_in && len > 0; i++) {
		uint64_t part = min_u64(len, in[i].iov_len);

		gmem_mark_dirty(vq->gmem, in[i].iov_base, part);
		len -= part;
	}
}
