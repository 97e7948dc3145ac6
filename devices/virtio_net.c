/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net on a tap (virtio 1.2, 5.1): one pair of queues and a control
 * queue.
 *
 * All work is done on the I/O thread with the device's lock; virtio_net_io.c
 * says how. Starting and resetting, on a vCPU, calls nothing of the tap, whose
 * calls can wait for a lock of the host's whole network stack.
 *
 * The default MAC address is made of the VM's name and the device's index: it
 * survives restarts, and two VMs on one bridge have different ones as long as
 * they have different names.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "devices/table.h"
#include "devices/virtio_net.h"
#include "vmm/bytes.h"
#include "vmm/config.h"
#include "vmm/snapshot.h"
#include "vmm/vm.h"

/* Configuration space, virtio 1.2, 5.1.4 */
#define NET_CONFIG_STATUS    6U
#define NET_CONFIG_MAX_PAIRS 8U
#define NET_CONFIG_MTU       10U
#define NET_CONFIG_LEN       12U
#define NET_S_LINK_UP        1U

#define NET_OPTION           "--network"
#define NET_MAX_DEVICES      8U

enum {
	NET_MODE_TAP,
	NET_MODE_NONE,
	NET_MODE_USER
};

/**
 * struct net_opts - Argument of --network
 * @mode: NET_MODE_*
 * @tapif: interface, or NULL
 * @fd: open tap, or -1
 * @mac: if @has_guest_mac or @has_mac
 * @mtu: 0 when none was given
 */
struct net_opts {
	int mode;
	char *tapif;
	int fd;
	uint8_t mac[6];
	bool has_guest_mac;
	bool has_mac;
	uint64_t mtu;
};

static struct virtio_net *to_net(struct virtio_device *vdev)
{
	return container_of(vdev, struct virtio_net, vdev);
}

static struct virtio_net *dev_to_net(struct device *dev)
{
	return container_of(dev, struct virtio_net, vdev.dev);
}

/*
 * Link and polling.
 */

static void net_poll(struct virtio_net *net, uint32_t events)
{
	if (net->link && events != net->source.events)
		evloop_modify(net->vdev.dev.vm->loop, &net->source, events);
}

static void net_update_poll(struct virtio_net *net)
{
	uint32_t events = 0;

	if (!net->rx_stalled)
		events |= EPOLLIN;
	if (net->tx_blocked)
		events |= EPOLLOUT;
	net_poll(net, virtio_running(&net->vdev) ? events : 0);
}

/* Context: I/O thread, because a source may be removed there only. */
static void net_link_down(struct virtio_net *net)
{
	struct device *dev = &net->vdev.dev;

	if (!net->link)
		return;
	evloop_remove(dev->vm->loop, &net->source);
	net->link = false;
	net->rx_len = 0;
	net->tx_blocked = false;
	log_warning(dev->vm->log,
		    "%s: interface %s is gone, the guest sees its link down; "
		    "start the machine again once the interface is back",
		    dev->id, net->tap.name);
	virtio_config_changed(&net->vdev);
	/* What was waiting for the tap is dropped now. */
	virtio_kick(&net->vdev, NET_QUEUE_TX);
}

static unsigned net_wanted_offloads(const struct virtio_net *net)
{
	unsigned offloads = TAP_CSUM;

	if (!virtio_has(&net->vdev, NET_F_GUEST_CSUM))
		return 0;
	if (virtio_has(&net->vdev, NET_F_GUEST_TSO4))
		offloads |= TAP_TSO4;
	if (virtio_has(&net->vdev, NET_F_GUEST_TSO6))
		offloads |= TAP_TSO6;
	return offloads;
}

/*
 * Tells the tap what the driver takes, if it is something new. What was queued
 * before is looked at when it is read. Context: I/O thread, device running.
 */
static void net_settle_offloads(struct virtio_net *net)
{
	unsigned offloads = net_wanted_offloads(net);

	if (!net->offloads_due || !net->link)
		return;
	net->offloads_due = false;
	if (offloads == net->offloads)
		return;

	int ret = tap_set_offload(&net->tap, offloads);
	if (ret == 0)
		net->offloads = offloads;
	else
		log_guest(net->vdev.dev.vm->log, &net->vdev.guest_log,
			  LOG_WARNING, "%s: cannot set offloads of %s: %s",
			  net->vdev.dev.id, net->tap.name, strerror(-ret));
}

static void net_tap_ready(struct ev_source *src, uint32_t events)
{
	struct virtio_net *net = container_of(src, struct virtio_net, source);
	int ret = 0;

	/* Not after a reset, nor while quiesced: then polling ends below. */
	bool run = virtio_running(&net->vdev);

	if (events & (EPOLLERR | EPOLLHUP))
		ret = -ENODEV;
	else if (run)
		net_settle_offloads(net);
	if (ret == 0 && run && net->tx_blocked && (events & EPOLLOUT))
		ret = net_tx(net);
	if (ret == 0 && run && !net->rx_stalled && (events & EPOLLIN))
		ret = net_rx(net);
	if (ret == -ENODEV)
		net_link_down(net);
	net_update_poll(net);
}

/*
 * The virtio device.
 */

static void net_config_read(struct virtio_device *vdev, uint32_t off, void *buf,
			    uint32_t len)
{
	const struct virtio_net *net = to_net(vdev);
	uint8_t config[NET_CONFIG_LEN] = { 0 };

	memcpy(config, net->mac, sizeof(net->mac));
	le16_store(config + NET_CONFIG_STATUS, net->link ? NET_S_LINK_UP : 0);
	le16_store(config + NET_CONFIG_MAX_PAIRS, 1);
	le16_store(config + NET_CONFIG_MTU, net->mtu);
	memcpy(buf, config + off, len);
}

/* The doorbells that follow begin to poll. */
static void net_activate(struct virtio_device *vdev)
{
	to_net(vdev)->offloads_due = true;
}

static void net_forget(struct virtio_net *net)
{
	net->rx_stalled = false;
	net->tx_blocked = false;
	net->offloads_due = false;
	net->rx_len = 0;
}

/* The next event of the tap finds nothing running, and ends polling. */
static void net_stop(struct virtio_device *vdev)
{
	struct virtio_net *net = to_net(vdev);

	net_forget(net);
	memcpy(net->mac, net->own_mac, sizeof(net->mac));
}

static void net_notify(struct virtio_device *vdev, unsigned queue)
{
	struct virtio_net *net = to_net(vdev);
	int ret = 0;

	net_settle_offloads(net);
	if (queue == NET_QUEUE_CTRL)
		net_ctrl(net);
	else if (queue == NET_QUEUE_TX && !net->tx_blocked)
		ret = net_tx(net);
	else if (queue == NET_QUEUE_RX && net->link && net->rx_stalled)
		ret = net_rx(net);
	if (ret == -ENODEV)
		net_link_down(net);
	net_update_poll(net);
}

static const struct virtio_type net_vtype = {
	.device_id = VIRTIO_ID_NET,
	.config_len = NET_CONFIG_LEN,
	.config_read = net_config_read,
	.activate = net_activate,
	.stop = net_stop,
	.notify = net_notify,
};

static uint64_t net_features(const struct virtio_net *net)
{
	uint64_t features =
		VIRTIO_BIT(NET_F_MAC) | VIRTIO_BIT(NET_F_STATUS) |
		VIRTIO_BIT(NET_F_MRG_RXBUF) | VIRTIO_BIT(NET_F_CTRL_VQ) |
		VIRTIO_BIT(NET_F_CTRL_RX) | VIRTIO_BIT(NET_F_CTRL_MAC_ADDR);

	if (net->mtu != 0)
		features |= VIRTIO_BIT(NET_F_MTU);
	/* The kernel segments what a tap with headers sends, always. */
	if (net->tap.vnet_hdr)
		features |= VIRTIO_BIT(NET_F_CSUM) |
			    VIRTIO_BIT(NET_F_HOST_TSO4) |
			    VIRTIO_BIT(NET_F_HOST_TSO6);
	if (net->tap.offloads & TAP_CSUM)
		features |= VIRTIO_BIT(NET_F_GUEST_CSUM);
	if (net->tap.offloads & TAP_TSO4)
		features |= VIRTIO_BIT(NET_F_GUEST_TSO4);
	if (net->tap.offloads & TAP_TSO6)
		features |= VIRTIO_BIT(NET_F_GUEST_TSO6);
	return features;
}

/*
 * The common device.
 */

/* FNV-1a over name and index, then stirred so that all bytes depend on both. */
static void net_default_mac(const char *name, unsigned index, uint8_t mac[6])
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	uint8_t raw[8];

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3ULL;
	hash = (hash ^ index) * 0x100000001b3ULL;
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdULL;
	hash ^= hash >> 33;

	le64_store(raw, hash);
	memcpy(mac, raw, 6);
	/* Locally administered, and not a group. */
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
}

static int net_open(struct virtio_net *net, const struct net_opts *opts,
		    struct error *err)
{
	if (opts->tapif == NULL)
		return tap_open_fd(&net->tap, NET_OPTION, opts->fd, err);
	return tap_open(&net->tap, NET_OPTION, opts->tapif, err);
}

static int net_watch(struct virtio_net *net, struct error *err)
{
	struct device *dev = &net->vdev.dev;

	net->source = (struct ev_source){ .fd = net->tap.fd,
					  .fn = net_tap_ready,
					  .lock = &dev->lock };

	int ret = evloop_add(dev->vm->loop, &net->source);
	if (ret < 0)
		return error_host(err, ret,
				  NET_OPTION ": cannot watch interface %s: "
					     "%s; free some memory",
				  net->tap.name, strerror(-ret));
	net->link = true;
	return 0;
}

static int net_create(struct vm *vm, const struct device_config *cfg,
		      struct device **out, struct error *err)
{
	static const uint16_t sizes[NET_QUEUES] = { 256, 256, 64 };
	const struct net_opts *opts = cfg->opts;
	/* Pages of its own: room for packets costs nothing before there are. */
	struct virtio_net *net =
		mmap(NULL, sizeof(*net), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (net == MAP_FAILED)
		return error_nomem(err, NET_OPTION);
	net->mtu = (uint16_t)opts->mtu;
	if (opts->has_guest_mac || opts->has_mac)
		memcpy(net->own_mac, opts->mac, sizeof(net->own_mac));
	else
		net_default_mac(vm->cfg->name, cfg->index, net->own_mac);
	memcpy(net->mac, net->own_mac, sizeof(net->mac));

	int ret = net_open(net, opts, err);
	if (ret < 0)
		goto err_free;
	ret = virtio_init(&net->vdev, &virtio_net_device, &net_vtype, vm,
			  cfg->index, net_features(net), sizes, NET_QUEUES,
			  err);
	if (ret < 0)
		goto err_close;
	ret = net_watch(net, err);
	if (ret < 0)
		goto err_fini;
	if (net->tap.created)
		log_info(vm->log,
			 "%s: made interface %s, which lives as long as this "
			 "machine; set it up with `ip link set %s up`",
			 net->vdev.dev.id, net->tap.name, net->tap.name);
	*out = &net->vdev.dev;
	return 0;

err_fini:
	virtio_fini(&net->vdev);
err_close:
	tap_close(&net->tap);
err_free:
	munmap(net, sizeof(*net));
	return ret;
}

static void net_destroy(struct device *dev)
{
	struct virtio_net *net = dev_to_net(dev);

	if (net->link)
		evloop_remove(dev->vm->loop, &net->source);
	virtio_fini(&net->vdev);
	tap_close(&net->tap);
	munmap(net, sizeof(*net));
}

/* A packet that waits for buffers may be lost, as on any wire. */
static int net_save(struct device *dev, struct snap_writer *w)
{
	struct virtio_net *net = dev_to_net(dev);
	int ret = virtio_save(&net->vdev, w);

	snap_put_bytes(w, net->mac, sizeof(net->mac));
	return ret;
}

static int net_restore(struct device *dev, struct snap_reader *r,
		       uint32_t version)
{
	struct virtio_net *net = dev_to_net(dev);
	/* The driver's features, and so the offloads, come with it. */
	int ret = virtio_restore(&net->vdev, r);

	(void)version;
	snap_get_bytes(r, net->mac, sizeof(net->mac));
	if (net->mac[0] & 1)
		snap_reader_fail(r);
	return ret < 0 ? ret : snap_reader_error(r);
}

/*
 * The option.
 */

static int net_check_mode(const struct net_opts *opts, struct error *err)
{
	if (opts->mode == NET_MODE_USER)
		return error_usage(
			err, NET_OPTION
			": there is no mode=user: make a tap with `ip "
			"tuntap add dev NAME mode tap user $USER` "
			"and give mode=tap,tapif=NAME");
	if (opts->mode == NET_MODE_NONE)
		return error_usage(err, NET_OPTION
				   ": mode=none goes with nothing else");
	return 0;
}

static bool net_name_good(const char *name)
{
	/* The kernel makes a number of %d. */
	return strlen(name) < IFNAMSIZ &&
	       strcspn(name, "/%: \t\n") == strlen(name);
}

static int net_check(void *arg, struct error *err)
{
	const struct net_opts *opts = arg;
	int ret = net_check_mode(opts, err);

	if (ret < 0)
		return ret;
	if ((opts->tapif == NULL) == (opts->fd < 0))
		return error_usage(err, NET_OPTION
				   ": give one of tapif=NAME and fd=N");
	if (opts->tapif != NULL && !net_name_good(opts->tapif))
		return error_usage(err,
				   NET_OPTION ": '%s' is not an interface's "
					      "name; give 1 to %d characters "
					      "without / %% : and blanks",
				   opts->tapif, IFNAMSIZ - 1);
	if (opts->has_guest_mac && opts->has_mac)
		return error_usage(err, NET_OPTION
				   ": guest_mac and mac are the same; give "
				   "one");
	return 0;
}

static const char *const net_modes[] = {
	[NET_MODE_TAP] = "tap",
	[NET_MODE_NONE] = "none",
	[NET_MODE_USER] = "user",
	NULL,
};

static const struct param net_params[] = {
	{ .key = "mode",
	  .type = PARAM_CHOICE,
	  .offset = offsetof(struct net_opts, mode),
	  .choices = net_modes },
	{ .key = "tapif",
	  .type = PARAM_STRING,
	  .offset = offsetof(struct net_opts, tapif) },
	{ .key = "fd",
	  .type = PARAM_FD,
	  .offset = offsetof(struct net_opts, fd) },
	{ .key = "guest_mac",
	  .type = PARAM_MAC,
	  .offset = offsetof(struct net_opts, mac),
	  .seen_offset = offsetof(struct net_opts, has_guest_mac) },
	{ .key = "mac",
	  .type = PARAM_MAC,
	  .offset = offsetof(struct net_opts, mac),
	  .seen_offset = offsetof(struct net_opts, has_mac) },
	{ .key = "mtu",
	  .type = PARAM_UINT,
	  .offset = offsetof(struct net_opts, mtu),
	  .min = 68,
	  .max = 65535 },
	{ .key = NULL },
};

static const struct net_opts net_defaults = { .fd = -1 };

static const struct device_option net_option = {
	.name = "network",
	.letter = 'n',
	.arg = "mode=tap,tapif=NAME|fd=N",
	.help = "a network interface; also guest_mac=MAC and mtu=BYTES",
	.params = net_params,
	.size = sizeof(struct net_opts),
	.defaults = &net_defaults,
	.check = net_check,
	.none = "mode=none",
};

const struct device_type virtio_net_device = {
	.name = "virtio-net",
	.state_version = 1,
	.option = &net_option,
	.max = NET_MAX_DEVICES,
	.create = net_create,
	.destroy = net_destroy,
	.power_on = virtio_dev_power_on,
	.power_off = virtio_dev_power_off,
	.reset = virtio_dev_reset,
	.quiesce = virtio_dev_quiesce,
	.resume = virtio_dev_resume,
	.save = net_save,
	.restore = net_restore,
	.fdt = virtio_dev_fdt,
};
