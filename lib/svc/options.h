/*
 * The option table: one row per setting drives the environment variable, the flag, the
 * default, the limits, `--help`, `check-config`, the documents and the tests.
 *
 * Order: flag, then NAME_FILE (secrets), then NAME, then the alias, then the default.
 * NAME and NAME_FILE both set is an error, so that nobody wonders which one counts.
 */
#ifndef LIB_SVC_OPTIONS_H
#define LIB_SVC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/mem.h"

enum option_kind {
    OPT_STR,    /* const char * */
    OPT_INT,    /* int64_t, with limits */
    OPT_BOOL,   /* bool: true/false, 1/0, yes/no, on/off, any case */
    OPT_ENUM,   /* int: index into `choices` */
    OPT_SECRET, /* struct secret *, NULL when unset; never printed */
};

struct option_row {
    const char *name; /* "GATEWAY_HTTP_LISTEN"; "@_RPC_LISTEN": @ is the service */
    enum option_kind kind;
    size_t offset;       /* of the field in the configuration struct */
    const char *def;     /* text, parsed like input; NULL = unset */
    int64_t min, max;    /* OPT_INT */
    const char *choices; /* OPT_ENUM: "on|off" */
    const char *alias;   /* another variable, "DJANGO_LOG_LEVEL"; may be NULL */
    const char *help;    /* one line, sentence case, no full stop */
    /* OPT_STR, OPT_SECRET, may be NULL: NULL when the text can be used, else what goes on
     * after the name in a sentence ("must be ..."), static, without the text itself. */
    const char *(*check)(const char *text);
};

struct option_table {
    const char *service;
    const struct option_row *rows; /* ended by name NULL */
    void *base;                    /* the struct that the offsets refer to */
};

/* Applies defaults and environment. 0 = fine; otherwise the number of mistakes, each
 * one sentence on err. Strings are heap copies, kept for the process's life. */
int options_load(const struct option_table *tables, size_t n, FILE *err);
/* Takes flags ("--http-listen X", "--http-listen=X") out of argv before options_load;
 * *argc and argv are compacted to what is left, argv[0] kept. Returns mistakes. */
int options_flags(const struct option_table *tables, size_t n, int *argc, char **argv,
                  FILE *err);
/* Rows as text: name, flag, default, help. */
void options_help(const struct option_table *tables, size_t n, FILE *out);
/* The merged view, secrets as "(set)": `check-config`. */
void options_print(const struct option_table *tables, size_t n, FILE *out);
/* One setting as it may be shown: of a secret only whether it is set. */
struct option_shown {
    const char *name, *flag;
    const char *value;  /* "" when unset */
    const char *def;    /* NULL: none */
    const char *source; /* flag, environment or default */
    const char *help;
    bool secret;
};
/* Calls fn for every setting, in order. What it gets lives during the call. */
void options_each(const struct option_table *tables, size_t n,
                  void (*fn)(void *arg, const struct option_shown *o), void *arg);
/* The flag of a row for a service: "AUTH_RPC_LISTEN" -> "rpc-listen"; heap. */
char *options_flag_name(const char *service, const char *row_name);
char *options_variable(const char *service, const char *row_name);

#endif
