/* SPDX-License-Identifier: Apache-2.0 */
/* Option arguments of the form `value,key=value,flag`. */
#include "vmm/params.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	/* strtoull would take signs and leading blanks. */
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;

	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	if (hex && !isxdigit((unsigned char)text[2]))
		return -EINVAL;

	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, hex ? 16 : 10);
	if (errno == ERANGE)
		return -ERANGE;
	if (*end != '\0')
		return -EINVAL;
	if (value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

int parse_size(const char *text, uint64_t unit, uint64_t min, uint64_t max,
	       uint64_t *out)
{
	static const char suffixes[] = "BKMGTP";
	char number[32];
	size_t len = strlen(text);

	if (len == 0 || len >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, len + 1);

	const char *suffix =
		strchr(suffixes, toupper((unsigned char)text[len - 1]));
	if (suffix != NULL && *suffix != '\0') {
		unit = 1ULL << (10 * (suffix - suffixes));
		number[len - 1] = '\0';
	}

	uint64_t count;
	int ret = parse_uint(number, 0, UINT64_MAX, &count);
	if (ret < 0)
		return ret;
	if (__builtin_mul_overflow(count, unit, out))
		return -ERANGE;
	return *out < min || *out > max ? -ERANGE : 0;
}

static int parse_flag(const char *value, bool *out)
{
	if (value == NULL || strcmp(value, "on") == 0)
		*out = true;
	else if (strcmp(value, "off") == 0)
		*out = false;
	else
		return -EINVAL;
	return 0;
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	uint8_t raw[6];

	if (strlen(text) != 17)
		return -EINVAL;
	for (size_t i = 0; i < 6; i++) {
		const char *at = &text[3 * i];

		if (!isxdigit((unsigned char)at[0]) ||
		    !isxdigit((unsigned char)at[1]) || (i < 5 && at[2] != ':'))
			return -EINVAL;

		char digits[3] = { at[0], at[1], '\0' };
		raw[i] = (uint8_t)strtoul(digits, NULL, 16);
	}

	static const uint8_t zero[6];
	if ((raw[0] & 1) != 0 || memcmp(raw, zero, sizeof(raw)) == 0)
		return -ERANGE;
	memcpy(mac, raw, sizeof(raw));
	return 0;
}

static int parse_choice(const struct param *p, const char *text, int *out)
{
	for (int i = 0; p->choices[i] != NULL; i++) {
		if (strcmp(p->choices[i], text) == 0) {
			*out = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int store_string(char **field, const char *value)
{
	if (value[0] == '\0')
		return -EINVAL;

	char *copy = strdup(value);
	if (copy == NULL)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

static int store_fd(int *field, const char *value)
{
	uint64_t fd;
	int ret = parse_uint(value, 0, INT_MAX, &fd);

	if (ret == 0)
		*field = (int)fd;
	return ret;
}

/* What a value of each type looks like, for messages. */
static const char *const type_help[] = {
	[PARAM_STRING] = "a text that is not empty",
	[PARAM_UINT] = "a whole number",
	[PARAM_SIZE] = "a size such as 512M or 4G",
	[PARAM_FLAG] = "on or off",
	[PARAM_FD] = "the number of an open descriptor",
	[PARAM_MAC] = "a unicast address such as 52:54:00:12:34:56",
	[PARAM_CHOICE] = "one of the values in the manual page",
};

static int store(const struct param *p, const char *value, void *out)
{
	void *field = (char *)out + p->offset;

	if (value == NULL && p->type != PARAM_FLAG)
		return -EINVAL;
	switch (p->type) {
	case PARAM_STRING:
		return store_string(field, value);
	case PARAM_UINT:
		return parse_uint(value, p->min, p->max, field);
	case PARAM_SIZE:
		return parse_size(value, 1, p->min, p->max, field);
	case PARAM_FLAG:
		return parse_flag(value, field);
	case PARAM_FD:
		return store_fd(field, value);
	case PARAM_MAC:
		return parse_mac(value, field);
	case PARAM_CHOICE:
		return parse_choice(p, value, field);
	}
	return -EINVAL;
}

static int store_error(const char *option, const struct param *p,
		       const char *value, int code, struct error *err)
{
	char range[80] = "";

	if (code == -ENOMEM)
		return error_nomem(err, option);
	if (code == -ERANGE && (p->type == PARAM_UINT || p->type == PARAM_SIZE))
		snprintf(range, sizeof(range), " from %llu to %llu",
			 (unsigned long long)p->min,
			 (unsigned long long)p->max);
	if (value == NULL)
		return error_usage(err, "%s: %s needs a value: %s=VALUE, %s",
				   option, p->key, p->key, type_help[p->type]);
	return error_usage(err, "%s: bad value '%s' for %s: it takes %s%s",
			   option, value, p->key, type_help[p->type], range);
}

/*
 * Takes the next item off a list; `,,` stands for a comma inside it. The item
 * is unescaped in place.
 */
static char *next_item(char **rest)
{
	char *item = *rest, *to = *rest, *from = *rest;

	if (item == NULL)
		return NULL;
	for (; *from != '\0'; from++) {
		if (*from == ',') {
			if (from[1] != ',')
				break;
			from++;
		}
		*to++ = *from;
	}
	*rest = *from == ',' ? from + 1 : NULL;
	*to = '\0';
	return item;
}

static const struct param *find_key(const struct param *params, const char *key,
				    size_t len)
{
	for (const struct param *p = params; p->key != NULL; p++) {
		if (strlen(p->key) == len && strncmp(p->key, key, len) == 0)
			return p;
	}
	return NULL;
}

static int unknown_key(const char *option, const struct param *params,
		       const char *item, struct error *err)
{
	char keys[256] = "";
	size_t len = 0;

	for (const struct param *p = params;
	     p->key != NULL && len < sizeof(keys); p++) {
		int n = snprintf(keys + len, sizeof(keys) - len, "%s%s",
				 len == 0 ? "" : ", ", p->key);

		len += (size_t)n;
	}
	return error_usage(err, "%s: '%s' is not known here: it takes %s",
			   option, item, keys);
}

static int parse_item(const char *option, const struct param *params,
		      char *item, bool first, uint64_t *seen, void *out,
		      struct error *err)
{
	char *value = strchr(item, '=');
	size_t key_len = value != NULL ? (size_t)(value - item) : strlen(item);
	const struct param *p = find_key(params, item, key_len);

	if (p != NULL && value != NULL)
		value++;
	if (p == NULL && first && params[0].positional) {
		p = &params[0];
		value = item;
	}
	if (p == NULL)
		return unknown_key(option, params, item, err);

	uint64_t bit = 1ULL << (p - params);
	if ((*seen & bit) != 0)
		return error_usage(err, "%s: %s is given twice; give it once",
				   option, p->key);
	*seen |= bit;

	int ret = store(p, value, out);
	if (ret < 0)
		return store_error(option, p, value, ret, err);
	if (p->seen_offset != 0)
		*(bool *)((char *)out + p->seen_offset) = true;
	return 0;
}

int params_parse(const char *option, const struct param *params,
		 const char *arg, void *out, struct error *err)
{
	char *copy = strdup(arg);
	if (copy == NULL)
		return error_nomem(err, option);

	uint64_t seen = 0;
	char *rest = copy;
	bool first = true;
	int ret = 0;

	while (ret == 0 && rest != NULL) {
		char *item = next_item(&rest);

		if (item[0] == '\0')
			ret = error_usage(err,
					  "%s: empty item in '%s'; take the "
					  "extra comma out",
					  option, arg);
		else
			ret = parse_item(option, params, item, first, &seen,
					 out, err);
		first = false;
	}
	free(copy);
	return ret;
}

void params_free(const struct param *params, void *out)
{
	for (const struct param *p = params; p->key != NULL; p++) {
		char **field = (void *)((char *)out + p->offset);

		if (p->type == PARAM_STRING) {
			free(*field);
			*field = NULL;
		}
	}
}
