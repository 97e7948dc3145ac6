/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: the common part. */
#include "vmm/device.h"

#include <errno.h>
#include <stdio.h>

#include "vmm/snapshot.h"

void device_init(struct device *dev, const struct device_type *type,
		 struct vm *vm, unsigned index)
{
	dev->type = type;
	dev->vm = vm;
	snprintf(dev->id, sizeof(dev->id), "%s%u", type->name, index);
	pthread_mutex_init(&dev->lock, NULL);
}

void device_fini(struct device *dev)
{
	pthread_mutex_destroy(&dev->lock);
}

int device_save(struct device *dev, struct snap_writer *w)
{
	snap_begin(w, dev->type->name, dev->id, dev->type->state_version);
	pthread_mutex_lock(&dev->lock);
	int ret = dev->type->save(dev, w);
	pthread_mutex_unlock(&dev->lock);
	snap_end(w);
	return ret < 0 ? ret : w->error;
}

int device_restore(struct device *dev, struct snap_reader *r, uint32_t version)
{
	/* Older versions are the device's business, newer ones nobody's. */
	if (version > dev->type->state_version)
		return -ENOTSUP;
	pthread_mutex_lock(&dev->lock);
	int ret = dev->type->restore(dev, r, version);
	pthread_mutex_unlock(&dev->lock);
	if (ret == 0)
		ret = snap_reader_error(r);
	/* Bytes left over: it was not written by what it claims to be. */
	if (ret == 0 && snap_left(r) != 0)
		ret = -EBADMSG;
	return ret;
}
