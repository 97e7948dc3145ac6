/* SPDX-License-Identifier: Apache-2.0 */
/* The device table: one line for each kind, in order of creation. */
#include "devices/table.h"

const struct device_type *const device_types[] = {
	&serial_device,     &rtc_device,          &finisher_device,
	&virtio_blk_device, &virtio_net_device,   &virtio_console_device,
	&virtio_rng_device, &virtio_input_device, NULL,
};
