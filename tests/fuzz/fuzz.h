/*
 * A small fuzzer for functions without I/O: seeds, mutations, and oracles that say what
 * must hold whatever the input. Best built with sanitizers (make fuzz): they see what no
 * oracle does. The same seed of the random numbers makes the same inputs.
 *
 * A program is fuzz.c and one <owner>_fuzz.c with its FUZZ_TARGETS.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { FUZZ_INPUT_MAX = 8192 };

struct fuzz_target {
    const char *name;
    /* The input is a block of its own without a NUL behind it, and may be empty. */
    void (*run)(struct str input);
    const char *const *seeds; /* ended by NULL: inputs like those of every day */
};

extern const struct fuzz_target FUZZ_TARGETS[]; /* ended by a NULL name */

/* Ends the program with what was broken and keeps the input in a file. */
void fuzz_expect(bool holds, const char *what);

/* Takes what stands before the next line end off *rest: for inputs of several parts. */
struct str fuzz_line(struct str *rest);

#endif
