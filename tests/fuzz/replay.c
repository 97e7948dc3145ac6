/* SPDX-License-Identifier: Apache-2.0 */
/* Gives a fuzz target the files of a folder, without libFuzzer; prints TAP. */
#include <dirent.h>
#include <errno.h>

#include "tests/fuzz/input.h"

#define MAX_FILE 65536

static int replay(const char *dir, const char *name, unsigned number)
{
	static uint8_t buf[MAX_FILE];
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		printf("not ok %u - %s: %s\n", number, name, strerror(errno));
		return 1;
	}
	size_t len = fread(buf, 1, sizeof(buf), file);

	fclose(file);
	/* Of its own length, so that reading beyond it is noticed. */
	uint8_t *data = malloc(len + (len == 0));

	if (data == NULL)
		return 1;
	memcpy(data, buf, len);
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	printf("ok %u - %s\n", number, name);
	fflush(stdout);
	return 0;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **names = NULL;
	int failed = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	/* What the fakes find wrong ends the program at once. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	int count = scandir(argv[1], &names, is_input, alphasort);

	if (count < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 2;
	}
	printf("1..%d\n", count);
	fflush(stdout);
	for (int i = 0; i < count; i++) {
		failed |= replay(argv[1], names[i]->d_name, (unsigned)i + 1);
		free(names[i]);
	}
	free(names);
	return failed;
}
