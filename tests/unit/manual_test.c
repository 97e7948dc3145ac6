/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manual page against the program's own tables: options, their letters
 * and keys, exit statuses, reasons of the status file.
 *
 * The page is docs/privet.1 below the current folder, or the first argument.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "vmm/config.h"
#include "vmm/vm.h"

#define MANUAL "docs/privet.1"

/* Options of commands other than `privet run`. */
static const char *const other_options[] = { "json", "version", NULL };

/** struct text - A part of the page, from @at up to @end, whole lines */
struct text {
	const char *at;
	const char *end;
};

static const char *manual_path = MANUAL;

static char *read_manual(void)
{
	FILE *in = fopen(manual_path, "re");

	if (in == NULL)
		fail_msg("cannot open %s: run this at the repository's root",
			 manual_path);

	char *page = NULL;
	size_t size = 0;
	/* There is no NUL byte in it: this is all of the file. */
	ssize_t len = getdelim(&page, &size, '\0', in);
	fclose(in);
	assert_true(len > 0);
	return page;
}

static int load_manual(void **state)
{
	*state = read_manual();
	return 0;
}

static int free_manual(void **state)
{
	free(*state);
	return 0;
}

static struct text whole(void **state)
{
	const char *page = *state;

	return (struct text){ page, page + strlen(page) };
}

/* Takes the next line of @text, without its end, off into @line. */
static bool next_line(struct text *text, char *line, size_t size)
{
	if (text->at >= text->end)
		return false;

	const char *end =
		memchr(text->at, '\n', (size_t)(text->end - text->at));
	if (end == NULL)
		end = text->end;

	size_t len = (size_t)(end - text->at);
	assert_true(len < size);
	memcpy(line, text->at, len);
	line[len] = '\0';
	text->at = end < text->end ? end + 1 : end;
	return true;
}

/*
 * Whether @line has @words, and not just as a part of longer words. The dot
 * that begins a macro line is not one's part.
 */
static bool has_words(const char *line, const char *words)
{
	size_t len = strlen(words);

	for (const char *at = line; (at = strstr(at, words)) != NULL; at++) {
		bool begins = at == line || at[-1] == ' ' ||
			      (at == line + 1 && line[0] == '.');
		bool ends = at[len] == '\0' || at[len] == ' ';

		if (begins && ends)
			return true;
	}
	return false;
}

static bool text_has_words(struct text text, const char *words)
{
	char line[256];

	while (next_line(&text, line, sizeof(line))) {
		if (has_words(line, words))
			return true;
	}
	return false;
}

/*
 * The part of @text from the first line that begins with @head and has
 * @words, up to the next line that begins with one of @ends.
 */
static struct text part(struct text text, const char *head, const char *words,
			const char *const *ends)
{
	char line[256];
	struct text found = text;
	const char *start = text.at;
	bool inside = false;

	while (next_line(&text, line, sizeof(line))) {
		bool is_end = false;

		for (int i = 0; ends[i] != NULL; i++)
			is_end |= strncmp(line, ends[i], strlen(ends[i])) == 0;
		if (inside && is_end) {
			found.end = start;
			return found;
		}
		if (!inside && strncmp(line, head, strlen(head)) == 0 &&
		    has_words(line, words)) {
			found.at = start;
			inside = true;
		}
		start = text.at;
	}
	if (!inside)
		fail_msg("%s has no line '%s... %s'", manual_path, head, words);
	return found;
}

static struct text section(void **state, const char *name)
{
	static const char *const ends[] = { ".Sh ", NULL };

	return part(whole(state), ".Sh ", name, ends);
}

/* The item of an option of `privet run`, with all that belongs to it. */
static struct text option_item(void **state, const char *name)
{
	static const char *const ends[] = { ".It Fl ", ".Ss ", ".Sh ", NULL };
	char words[64];

	snprintf(words, sizeof(words), "Fl Fl %s", name);
	return part(section(state, "OPTIONS"), ".It Fl ", words, ends);
}

static void first_line(struct text text, char *line, size_t size)
{
	assert_true(next_line(&text, line, size));
}

static void has_every_option(void **state)
{
	const char *name;
	unsigned count = 0;

	while ((name = config_option_name(count)) != NULL) {
		option_item(state, name);
		count++;
	}
	/* Both tables were walked: the core's and the devices'. */
	assert_true(count > 20);
}

static bool option_exists(const char *name)
{
	const char *known;

	for (unsigned i = 0; (known = config_option_name(i)) != NULL; i++) {
		if (strcmp(known, name) == 0)
			return true;
	}
	for (int i = 0; other_options[i] != NULL; i++) {
		if (strcmp(other_options[i], name) == 0)
			return true;
	}
	return false;
}

static void has_no_other_option(void **state)
{
	struct text text = whole(state);
	char line[256];
	unsigned count = 0;

	while (next_line(&text, line, sizeof(line))) {
		for (char *at = line; (at = strstr(at, "Fl Fl ")) != NULL;) {
			char name[64];

			at += strlen("Fl Fl ");
			assert_int_equal(sscanf(at, "%63[^ ]", name), 1);
			if (!option_exists(name))
				fail_msg("%s has --%s, which is no option",
					 manual_path, name);
			count++;
		}
	}
	assert_true(count > 20);
}

/* One line of the help text: letter (or 0), name, whether it takes a value. */
static bool parse_help(const char *line, char *letter, char name[64],
		       bool *takes_arg)
{
	char next[2] = "";
	int len = 0;

	*letter = 0;
	if (sscanf(line, "  -%c, --%63s%n", letter, name, &len) != 2) {
		*letter = 0;
		if (sscanf(line, "      --%63s%n", name, &len) != 1)
			return false;
	}
	/* The value's name follows at once, the help after more blanks. */
	sscanf(line + len, "%*1[ ]%1[^ ]", next);
	*takes_arg = next[0] != '\0';
	return true;
}

static void letters_and_values_agree(void **state)
{
	char help[4096] = "";
	FILE *out = fmemopen(help, sizeof(help), "w");

	assert_non_null(out);
	config_help(out);
	assert_int_equal(fclose(out), 0);

	struct text text = { help, help + strlen(help) };
	char line[256], item[256], name[64], letter, words[16];
	bool takes_arg;
	unsigned count = 0;

	while (next_line(&text, line, sizeof(line))) {
		if (!parse_help(line, &letter, name, &takes_arg))
			continue;
		first_line(option_item(state, name), item, sizeof(item));
		snprintf(words, sizeof(words), "Fl %c ,", letter);
		if (letter != 0 && !has_words(item, words))
			fail_msg("%s lacks -%c of --%s", manual_path, letter,
				 name);
		if (letter == 0 && strstr(item, " , Fl Fl ") != NULL)
			fail_msg("%s has a letter for --%s", manual_path, name);
		if (has_words(item, "Ar") != takes_arg)
			fail_msg("%s and the help text do not agree on whether "
				 "--%s takes a value",
				 manual_path, name);
		count++;
	}

	unsigned options = 0;
	while (config_option_name(options) != NULL)
		options++;
	assert_int_equal(count, options);
}

/* A key has an item of its own: its first word, after the macro. */
static bool has_key(struct text text, const char *key)
{
	char line[256], words[64];

	snprintf(words, sizeof(words), ".It Cm %s", key);
	while (next_line(&text, line, sizeof(line))) {
		size_t len = strlen(words);

		if (strncmp(line, words, len) == 0 &&
		    (line[len] == '\0' || line[len] == ' '))
			return true;
	}
	return false;
}

static unsigned nr_items(struct text text)
{
	char line[256];
	unsigned count = 0;

	while (next_line(&text, line, sizeof(line)))
		count += strncmp(line, ".It Cm ", strlen(".It Cm ")) == 0;
	return count;
}

static void has_every_key_of_devices(void **state)
{
	for (unsigned i = 0; device_types[i] != NULL; i++) {
		const struct device_option *opt = device_types[i]->option;

		if (opt == NULL)
			continue;

		struct text item = option_item(state, opt->name);
		unsigned count = 0;
		const struct param *p = opt->params;
		for (; p != NULL && p->key != NULL; p++) {
			if (!has_key(item, p->key))
				fail_msg("%s lacks the key %s of --%s",
					 manual_path, p->key, opt->name);
			count++;
		}
		/* As many items as keys: it has no key that does not exist. */
		assert_int_equal(nr_items(item), count);
	}
}

static void check_choices(struct text item, const struct param *p)
{
	for (int i = 0; p->choices[i] != NULL; i++) {
		char words[64];

		snprintf(words, sizeof(words), "Cm %s", p->choices[i]);
		if (!text_has_words(item, words))
			fail_msg("%s lacks %s=%s", manual_path, p->key,
				 p->choices[i]);
	}
}

static void has_every_choice_of_devices(void **state)
{
	for (unsigned i = 0; device_types[i] != NULL; i++) {
		const struct device_option *opt = device_types[i]->option;
		const struct param *p = opt != NULL ? opt->params : NULL;

		for (; p != NULL && p->key != NULL; p++) {
			if (p->type == PARAM_CHOICE)
				check_choices(option_item(state, opt->name), p);
		}
	}
}

/*
 * The tables of --console and --port are config.c's own: what they hold is in
 * the message about a key that is unknown.
 */
static void check_console_keys(void **state, const char *option,
			       const char *arg)
{
	struct vm_config cfg;
	struct error err = { 0 };
	char *argv[] = { (char *)(uintptr_t)option, (char *)(uintptr_t)arg };

	assert_int_equal(config_init(&cfg), 0);
	assert_true(config_parse(&cfg, 2, argv, &err) < 0);
	config_free(&cfg);

	char *keys = strstr(err.text, "it takes ");
	assert_non_null(keys);
	keys += strlen("it takes ");

	struct text text = section(state, "CONSOLES AND PORTS");
	unsigned count = 0;
	char *save = NULL;

	for (char *key = strtok_r(keys, ", ", &save); key != NULL;
	     key = strtok_r(NULL, ", ", &save)) {
		char words[64];

		/* The positional one is not an item of the backends' list. */
		snprintf(words, sizeof(words), "Cm %s", key);
		if (count == 0 ? !text_has_words(text, words)
			       : !has_key(text, key))
			fail_msg("%s lacks the key %s of %s", manual_path, key,
				 option);
		count++;
	}
	assert_true(count > 1);
}

static void has_every_key_of_consoles(void **state)
{
	check_console_keys(state, "--console", "serial,nosuchkey=1");
	check_console_keys(state, "--port", "x,nosuchkey=1");
}

/*
 * No default: the compiler complains about a status that is missing here.
 */
static bool status_exists(enum exit_status status)
{
	switch (status) {
	case EXIT_STATUS_POWEROFF:
	case EXIT_STATUS_NO_KVM:
	case EXIT_STATUS_SANDBOX:
	case EXIT_STATUS_USAGE:
	case EXIT_STATUS_RESERVED:
	case EXIT_STATUS_PANIC:
	case EXIT_STATUS_REBOOT:
	case EXIT_STATUS_CRASH:
	case EXIT_STATUS_STOPPED:
	case EXIT_STATUS_TIMEOUT:
	case EXIT_STATUS_ERROR:
		return true;
	}
	return false;
}

static void exit_statuses_agree(void **state)
{
	struct text text = section(state, "EXIT STATUS");
	unsigned seen[256] = { 0 };
	char line[256];

	while (next_line(&text, line, sizeof(line))) {
		if (strncmp(line, ".It ", 4) != 0 ||
		    !isdigit((unsigned char)line[4]))
			continue;

		unsigned long status = strtoul(line + 4, NULL, 10);
		assert_in_range(status, 0, 255);
		seen[status]++;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(seen); i++) {
		bool exists = status_exists((enum exit_status)i);

		if (seen[i] != exists)
			fail_msg("exit status %u is %s, and %u times in %s", i,
				 exists ? "there" : "not there", seen[i],
				 manual_path);
	}
}

static void status_file_names_every_reason(void **state)
{
	struct text text = section(state, "STATUS FILE");

	for (int stop = VM_STOP_NONE + 1; stop <= VM_STOP_ERROR; stop++) {
		const char *name = vm_stop_name((enum vm_stop)stop);
		char words[64];

		snprintf(words, sizeof(words), "Qq %s", name);
		if (!text_has_words(text, words))
			fail_msg("%s lacks the reason %s", manual_path, name);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_every_option),
		cmocka_unit_test(has_no_other_option),
		cmocka_unit_test(letters_and_values_agree),
		cmocka_unit_test(has_every_key_of_devices),
		cmocka_unit_test(has_every_choice_of_devices),
		cmocka_unit_test(has_every_key_of_consoles),
		cmocka_unit_test(exit_statuses_agree),
		cmocka_unit_test(status_file_names_every_reason),
	};

	if (argc > 1)
		manual_path = argv[1];
	return cmocka_run_group_tests(tests, load_manual, free_manual);
}
