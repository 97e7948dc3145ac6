/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON strings. */
#include "vmm/json.h"

void json_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else if (c >= 0x80)
			fputc('?', out);
		else
			fputc(c, out);
	}
	fputc('"', out);
}
