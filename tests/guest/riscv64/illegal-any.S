/* SPDX-License-Identifier: Apache-2.0 */
/* An illegal instruction of no meaning, which the guest handles itself. */
#define BAD .word 0
#include "illegal.S"
