/* SPDX-License-Identifier: Apache-2.0 */
/* A fake KVM: the ioctls that only one architecture has. */
#include "tests/fakes/fake_kvm_special.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fakes/fake_kvm.h"
#include "vmm/util.h"

/* An ioctl that only one architecture has. */
struct call {
	unsigned long request;
	uint8_t data[256];
	size_t size;
	bool answers;
	int error;
	unsigned count;
};

struct enabled {
	unsigned cap;
	uint64_t args[2];
	unsigned count;
};

static struct special {
	pthread_mutex_t lock;
	struct call calls[FAKE_MAX_CALLS];
	unsigned nr_calls;
	struct enabled enabled[FAKE_MAX_ENABLED];
	unsigned nr_enabled;
} special = { .lock = PTHREAD_MUTEX_INITIALIZER };

void fake_special_reset(void)
{
	special.nr_calls = 0;
	special.nr_enabled = 0;
	memset(special.calls, 0, sizeof(special.calls));
	memset(special.enabled, 0, sizeof(special.enabled));
}

static struct call *find_call(unsigned long request, bool create)
{
	for (unsigned i = 0; i < special.nr_calls; i++) {
		if (special.calls[i].request == request)
			return &special.calls[i];
	}
	if (!create)
		return NULL;
	if (special.nr_calls == FAKE_MAX_CALLS)
		abort();
	special.calls[special.nr_calls].request = request;
	return &special.calls[special.nr_calls++];
}

void fake_kvm_answer(unsigned long request, const void *data, size_t size)
{
	struct call *call = find_call(request, true);

	if (size > sizeof(call->data))
		abort();
	memcpy(call->data, data, size);
	call->size = size;
	call->answers = true;
}

void fake_kvm_accept(unsigned long request, size_t size)
{
	struct call *call = find_call(request, true);

	if (size > sizeof(call->data))
		abort();
	call->size = size;
	call->answers = false;
}

unsigned fake_kvm_taken(unsigned long request, void *data, size_t size)
{
	struct call *call = find_call(request, true);

	if (data != NULL)
		memcpy(data, call->data, min_size(size, call->size));
	return call->count;
}

void fake_kvm_refuse(unsigned long request, int error)
{
	find_call(request, true)->error = error;
}

int fake_special_refusal(unsigned long request)
{
	const struct call *call = find_call(request, false);

	return call != NULL ? call->error : 0;
}

int fake_special_ioctl(unsigned long request, uintptr_t arg)
{
	struct call *call = find_call(request, false);

	if (call == NULL || call->size == 0)
		return -ENOTTY;
	pthread_mutex_lock(&special.lock);
	if (call->answers)
		memcpy((void *)arg, call->data, call->size);
	else
		memcpy(call->data, (const void *)arg, call->size);
	call->count++;
	pthread_mutex_unlock(&special.lock);
	return 0;
}

static struct enabled *find_enabled(unsigned cap, uint64_t arg0)
{
	for (unsigned i = 0; i < special.nr_enabled; i++) {
		struct enabled *e = &special.enabled[i];

		if (e->cap == cap && e->args[0] == arg0)
			return e;
	}
	return NULL;
}

unsigned fake_kvm_enabled(unsigned cap, uint64_t arg0, uint64_t *arg1)
{
	pthread_mutex_lock(&special.lock);
	const struct enabled *e = find_enabled(cap, arg0);
	unsigned count = e != NULL ? e->count : 0;

	if (e != NULL && arg1 != NULL)
		*arg1 = e->args[1];
	pthread_mutex_unlock(&special.lock);
	return count;
}

int fake_special_enable(const struct kvm_enable_cap *cap)
{
	pthread_mutex_lock(&special.lock);
	struct enabled *e = find_enabled(cap->cap, cap->args[0]);

	if (e == NULL) {
		if (special.nr_enabled == FAKE_MAX_ENABLED)
			abort();
		e = &special.enabled[special.nr_enabled++];
	}
	e->cap = cap->cap;
	e->args[0] = cap->args[0];
	e->args[1] = cap->args[1];
	e->count++;
	pthread_mutex_unlock(&special.lock);
	return 0;
}
