/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Firmware calls of the PCI host bridge (PAPR, 7.3): configuration access and
 * message-signalled interrupts.
 *
 * A configuration address is register << 28 (its bits 11 to 8) | bus << 16 |
 * device and function << 8 | register (its bits 7 to 0). Whatever access does
 * not reach a register is a hardware error, as is silence on a bus; calls about
 * messages that make no sense are parameter errors.
 */
#include <errno.h>

#include "arch/ppc64le/machine.h"
#include "arch/ppc64le/phb.h"
#include "arch/ppc64le/rtas.h"

/* ibm,change-msi: what is asked for */
enum change_msi {
	CHANGE_QUERY = 0,
	CHANGE_ANY = 1,
	CHANGE_RESET = 2,
	CHANGE_MSI = 3,
	CHANGE_MSIX = 4,
};

/* ibm,change-msi: what a function has got */
#define TYPE_MSIX 2U

/* ibm,query-interrupt-source-number */
#define TRIGGER_EDGE  1U

#define CONFIG_ROUTE  0x00ffff00U
#define CONFIG_UNUSED 0x0f000000U

static uint32_t config_rid(uint32_t addr)
{
	return (addr & CONFIG_ROUTE) >> 8;
}

static uint32_t config_register(uint32_t addr)
{
	return addr >> 28 << 8 | (addr & 0xff);
}

static struct phb *call_phb(const struct rtas_call *call)
{
	return vm_machine(call->vcpu->vm)->phb;
}

/* The bridge that bus unit id @args[0]:@args[1] names, or NULL. */
static struct phb *find_phb(const struct rtas_call *call, const uint32_t *args)
{
	uint64_t id = (uint64_t)args[0] << 32 | args[1];

	return id == LAYOUT_PHB_BUID ? call_phb(call) : NULL;
}

static int32_t config_status(int ret)
{
	return ret == 0 ? RTAS_SUCCESS : RTAS_HW_ERROR;
}

static int32_t read_config(struct rtas_call *call, struct phb *phb,
			   uint32_t size)
{
	uint32_t addr = call->args[0];

	call->rets[0] = UINT32_MAX;
	if (phb == NULL || (addr & CONFIG_UNUSED) != 0)
		return RTAS_HW_ERROR;
	return config_status(pci_config_read(&phb->bus, config_rid(addr),
					     config_register(addr), size,
					     &call->rets[0]));
}

static int32_t write_config(struct rtas_call *call, struct phb *phb,
			    uint32_t size, uint32_t value)
{
	uint32_t addr = call->args[0];

	if (phb == NULL || (addr & CONFIG_UNUSED) != 0)
		return RTAS_HW_ERROR;
	return config_status(pci_config_write(&phb->bus, config_rid(addr),
					      config_register(addr), size,
					      value));
}

/* The short forms know registers up to 0xff of the only bridge. */
static struct phb *short_form_phb(const struct rtas_call *call)
{
	return call->args[0] >> 28 == 0 ? call_phb(call) : NULL;
}

static int32_t rtas_read_pci_config(struct rtas_call *call)
{
	return read_config(call, short_form_phb(call), call->args[1]);
}

static int32_t rtas_write_pci_config(struct rtas_call *call)
{
	return write_config(call, short_form_phb(call), call->args[1],
			    call->args[2]);
}

static int32_t rtas_ibm_read_pci_config(struct rtas_call *call)
{
	return read_config(call, find_phb(call, &call->args[1]), call->args[3]);
}

static int32_t rtas_ibm_write_pci_config(struct rtas_call *call)
{
	return write_config(call, find_phb(call, &call->args[1]), call->args[3],
			    call->args[4]);
}

/*
 * Message-signalled interrupts.
 */

/* The function at @args[0] behind the bridge @args[1]:@args[2], or NULL. */
static struct pci_function *find_function(struct rtas_call *call)
{
	struct phb *phb = find_phb(call, &call->args[1]);

	if (phb == NULL || (call->args[0] & ~CONFIG_ROUTE) != 0)
		return NULL;
	return pci_bus_find(&phb->bus, config_rid(call->args[0]));
}

static struct phb_msis get_msis(struct phb *phb, unsigned slot)
{
	pthread_mutex_lock(&phb->dev.lock);
	struct phb_msis msis = phb->msis[slot];
	pthread_mutex_unlock(&phb->dev.lock);
	return msis;
}

/* Functions have MSI-X alone; no MSI is what any of them can be given. */
static bool change_ok(uint32_t what, uint32_t count)
{
	switch (what) {
	case CHANGE_QUERY:
	case CHANGE_ANY:
	case CHANGE_RESET:
	case CHANGE_MSIX:
		return true;
	case CHANGE_MSI:
		return count == 0;
	default:
		return false;
	}
}

static int32_t change_msis(struct phb *phb, struct pci_function *fn,
			   unsigned count, uint32_t *granted)
{
	int ret = phb_change_msis(phb, fn, count);

	if (ret == -EBUSY)
		return RTAS_BUSY;
	if (ret < 0)
		return RTAS_HW_ERROR;
	*granted = count;
	return RTAS_SUCCESS;
}

/* Who asks for more vectors than the function has gets as many as it has. */
static int32_t rtas_ibm_change_msi(struct rtas_call *call)
{
	struct phb *phb = call_phb(call);
	struct pci_function *fn = find_function(call);
	uint32_t what = call->args[3];
	uint32_t count = call->args[4];

	if (fn == NULL || !change_ok(what, count))
		return RTAS_PARAM_ERROR;
	call->rets[1] = call->args[5] + 1;
	call->rets[2] = TYPE_MSIX;
	if (what == CHANGE_QUERY) {
		call->rets[0] = get_msis(phb, fn->slot).count;
		return RTAS_SUCCESS;
	}
	if (what == CHANGE_RESET || count == 0)
		return change_msis(phb, fn, 0, &call->rets[0]);

	unsigned most = phb_nr_vectors(fn);
	if (most == 0)
		return RTAS_PARAM_ERROR;
	return change_msis(phb, fn, count < most ? count : most,
			   &call->rets[0]);
}

static int32_t rtas_ibm_query_interrupt_source_number(struct rtas_call *call)
{
	struct pci_function *fn = find_function(call);

	if (fn == NULL)
		return RTAS_PARAM_ERROR;

	struct phb_msis msis = get_msis(call_phb(call), fn->slot);
	if (call->args[3] >= msis.count)
		return RTAS_PARAM_ERROR;
	call->rets[0] = msis.first + call->args[3];
	call->rets[1] = TRIGGER_EDGE;
	return RTAS_SUCCESS;
}

static bool offered(const struct vm *vm)
{
	return vm_machine(vm)->phb != NULL;
}

const struct rtas_entry rtas_pci_calls[] = {
	{
		.token = RTAS_READ_PCI_CONFIG,
		.name = "read-pci-config",
		.nargs = 2,
		.nret = 2,
		.fn = rtas_read_pci_config,
		.offered = offered,
	},
	{
		.token = RTAS_WRITE_PCI_CONFIG,
		.name = "write-pci-config",
		.nargs = 3,
		.nret = 1,
		.fn = rtas_write_pci_config,
		.offered = offered,
	},
	{
		.token = RTAS_IBM_READ_PCI_CONFIG,
		.name = "ibm,read-pci-config",
		.nargs = 4,
		.nret = 2,
		.fn = rtas_ibm_read_pci_config,
		.offered = offered,
	},
	{
		.token = RTAS_IBM_WRITE_PCI_CONFIG,
		.name = "ibm,write-pci-config",
		.nargs = 5,
		.nret = 1,
		.fn = rtas_ibm_write_pci_config,
		.offered = offered,
	},
	{
		.token = RTAS_IBM_QUERY_INTERRUPT_SOURCE_NUMBER,
		.name = "ibm,query-interrupt-source-number",
		.nargs = 4,
		.nret = 3,
		.fn = rtas_ibm_query_interrupt_source_number,
		.offered = offered,
	},
	{
		.token = RTAS_IBM_CHANGE_MSI,
		.name = "ibm,change-msi",
		.nargs = 6,
		.nret = 3,
		.max_nret = 4,
		.fn = rtas_ibm_change_msi,
		.offered = offered,
	},
	{ 0 },
};
