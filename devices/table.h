/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of devices; each is defined at the end of its own file. */
#ifndef PRIVET_DEVICES_TABLE_H
#define PRIVET_DEVICES_TABLE_H

#include "vmm/device.h"

extern const struct device_type finisher_device;
extern const struct device_type rtc_device;
extern const struct device_type serial_device;
extern const struct device_type virtio_blk_device;
extern const struct device_type virtio_console_device;
extern const struct device_type virtio_input_device;
extern const struct device_type virtio_net_device;
extern const struct device_type virtio_rng_device;

#endif
