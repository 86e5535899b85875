#include "svc/options.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "base/str.h"

/* Upper-case service name in place of '@'. Heap. */
char *options_variable(const char *service, const char *row_name)
{
    if (row_name[0] != '@')
        return xstrdup(row_name);
    char *name = xasprintf("%s%s", service, row_name + 1);
    for (char *p = name; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return name;
}

char *options_flag_name(const char *service, const char *row_name)
{
    AUTO_FREE char *variable = options_variable(service, row_name);
    size_t n = strlen(service);
    const char *from = variable;
    if (strncasecmp(variable, service, n) == 0 && variable[n] == '_')
        from += n + 1;
    char *flag = xstrdup(from);
    for (char *p = flag; *p; p++)
        *p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
    return flag;
}

static void *field(const struct option_table *t, const struct option_row *row)
{
    return (char *)t->base + row->offset;
}

static bool parse_bool(const char *text, bool *ret)
{
    static const char *const yes[] = { "true", "1", "yes", "on" };
    static const char *const no[] = { "false", "0", "no", "off" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcasecmp(text, yes[i]) != 0 && strcasecmp(text, no[i]) != 0)
            continue;
        *ret = strcasecmp(text, yes[i]) == 0;
        return true;
    }
    return false;
}

static int choice_index(const char *choices, const char *text)
{
    struct str rest = str_of(choices);
    for (int i = 0; rest.p; i++)
        if (str_eq_ci(str_cut(&rest, '|'), str_of(text)))
            return i;
    return -1;
}

/* Stores text in the row's field; NULL, or what is wrong (heap). */
static char *set_int(int64_t *out, const struct option_row *row, const char *text)
{
    int64_t v;
    if (!str_to_i64(str_of(text), &v) || v < row->min || v > row->max)
        return xasprintf("must be a whole number from %lld to %lld", (long long)row->min,
                         (long long)row->max);
    *out = v;
    return NULL;
}

/* What the row's own check says of a text that is not empty; heap. */
static char *judge(const struct option_row *row, const char *text)
{
    const char *why = row->check && *text ? row->check(text) : NULL;
    return why ? xstrdup(why) : NULL;
}

static char *set_field(const struct option_table *t, const struct option_row *row,
                       const char *text)
{
    void *out = field(t, row);
    int index;
    switch (row->kind) {
    case OPT_STR:
        free(*(char **)out); /* a default that the environment replaces */
        *(char **)out = xstrdup(text);
        return judge(row, text);
    case OPT_INT:
        return set_int(out, row, text);
    case OPT_BOOL:
        return parse_bool(text, out) ? NULL : xstrdup("must be true or false");
    case OPT_ENUM:
        index = choice_index(row->choices, text);
        if (index < 0)
            return xasprintf("must be one of %s", row->choices);
        *(int *)out = index;
        return NULL;
    case OPT_SECRET:
        secret_free(out);
        *(struct secret **)out = *text ? secret_new(str_of(text)) : NULL;
        return judge(row, text);
    }
    return xstrdup("has an unknown kind");
}

static int report(FILE *err, const char *what, char *why)
{
    if (!why)
        return 0;
    fprintf(err, "%s %s.\n", what, why);
    free(why);
    return 1;
}

static int load_secret_file(const struct option_table *t, const struct option_row *row,
                            const char *variable, FILE *err)
{
    AUTO_FREE char *file_variable = xasprintf("%s_FILE", variable);
    const char *path = getenv(file_variable), *why = NULL;
    if (!path || !*path)
        return 0;
    struct secret *s = secret_read(path, &why);
    if (!s)
        return report(err, file_variable, xasprintf("names %s, which %s", path, why));
    struct secret **out = field(t, row);
    secret_free(out);
    *out = s;
    return report(err, file_variable, judge(row, secret_expose(s).p));
}

static bool has_both(const char *variable)
{
    AUTO_FREE char *file_variable = xasprintf("%s_FILE", variable);
    const char *plain = getenv(variable), *file = getenv(file_variable);
    return plain && *plain && file && *file;
}

static int load_row(const struct option_table *t, const struct option_row *row, FILE *err)
{
    AUTO_FREE char *variable = options_variable(t->service, row->name);
    const char *text = getenv(variable);
    if ((!text || !*text) && row->alias)
        text = getenv(row->alias);
    /* An empty variable is an unset one: compose passes ${X:-} that way. */
    if (text && *text) {
        int mistakes = report(err, variable, set_field(t, row, text));
        if (mistakes)
            return mistakes;
    }
    if (row->kind != OPT_SECRET)
        return 0;
    if (has_both(variable))
        return report(err, variable,
                      xasprintf("and %s_FILE are both set; keep one", variable));
    return load_secret_file(t, row, variable, err);
}

static bool flag_taken(const struct option_row *row,
                       const struct option_row *const *taken)
{
    for (; taken && *taken; taken++)
        if (*taken == row)
            return true;
    return false;
}

enum { FLAGS_MAX = 64 };
/* Rows set by a flag: the environment must not override them. Filled before the daemon
 * has threads, read once. */
static const struct option_row *flagged[FLAGS_MAX + 1];

int options_load(const struct option_table *tables, size_t n, FILE *err)
{
    int mistakes = 0;
    for (size_t i = 0; i < n; i++) {
        for (const struct option_row *row = tables[i].rows; row->name; row++) {
            if (flag_taken(row, flagged))
                continue;
            if (row->def)
                mistakes += report(err, row->name, set_field(&tables[i], row, row->def));
            mistakes += load_row(&tables[i], row, err);
        }
    }
    return mistakes;
}

static const struct option_row *find_flag(const struct option_table *t, struct str name)
{
    for (const struct option_row *row = t->rows; row->name; row++) {
        AUTO_FREE char *flag = options_flag_name(t->service, row->name);
        if (str_eq(name, str_of(flag)))
            return row;
    }
    return NULL;
}

static int take_flag(const struct option_table *t, const struct option_row *row,
                     const char *flag, const char *value, FILE *err)
{
    size_t n = 0;
    if (row->kind == OPT_SECRET)
        return report(err, flag,
                      xstrdup("is a secret: set it in the environment or by its _FILE, "
                              "arguments are visible to every user"));
    if (!value)
        return report(err, flag, xstrdup("needs a value"));
    while (flagged[n])
        n++;
    if (n == FLAGS_MAX)
        return report(err, flag, xstrdup("is one flag too many"));
    flagged[n] = row;
    return report(err, flag, set_field(t, row, value));
}

int options_flags(const struct option_table *tables, size_t n, int *argc, char **argv,
                  FILE *err)
{
    int mistakes = 0, kept = 1;
    for (int i = 1; i < *argc; i++) {
        struct str rest = str_of(argv[i]);
        const struct option_row *row = NULL;
        const struct option_table *table = tables;
        if (str_starts(rest, STR("--"))) {
            rest.p += 2;
            rest.n -= 2;
            struct str name = str_cut(&rest, '=');
            for (size_t k = 0; k < n && !row; k++)
                if ((row = find_flag(&tables[k], name)))
                    table = &tables[k];
        }
        if (!row) {
            argv[kept++] = argv[i];
            continue;
        }
        const char *flag = argv[i];
        const char *value = rest.p ? rest.p : i + 1 < *argc ? argv[++i] : NULL;
        mistakes += take_flag(table, row, flag, value, err);
    }
    argv[kept] = NULL;
    *argc = kept;
    return mistakes;
}

void options_help(const struct option_table *tables, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        for (const struct option_row *row = tables[i].rows; row->name; row++) {
            AUTO_FREE char *variable = options_variable(tables[i].service, row->name);
            AUTO_FREE char *flag = options_flag_name(tables[i].service, row->name);
            if (row->kind == OPT_SECRET)
                fprintf(out, "  %s, %s_FILE\n", variable, variable);
            else
                fprintf(out, "  %s, --%s\n", variable, flag);
            fprintf(out, "      %s", row->help);
            if (row->alias)
                fprintf(out, "; also %s", row->alias);
            if (row->choices)
                fprintf(out, "; one of %s", row->choices);
            if (row->def && *row->def)
                fprintf(out, " [%s]", row->def);
            fputc('\n', out);
        }
    }
}

/* The value as text, heap; of a secret only whether it is set. */
static char *value_text(const struct option_table *t, const struct option_row *row)
{
    void *p = field(t, row);
    struct str rest;
    switch (row->kind) {
    case OPT_STR:
        return xstrdup(*(const char **)p ? *(const char **)p : "");
    case OPT_INT:
        return xasprintf("%lld", (long long)*(int64_t *)p);
    case OPT_BOOL:
        return xstrdup(*(bool *)p ? "true" : "false");
    case OPT_ENUM:
        rest = str_of(row->choices);
        for (int i = *(int *)p; i > 0; i--)
            str_cut(&rest, '|');
        rest = str_cut(&rest, '|');
        return xasprintf("%.*s", STR_ARG(rest));
    case OPT_SECRET:
        return xstrdup(*(struct secret **)p ? "(set)" : "(not set)");
    }
    return xstrdup("");
}

static bool in_environment(const char *variable, const struct option_row *row)
{
    AUTO_FREE char *file_variable = xasprintf("%s_FILE", variable);
    const char *const names[] = { variable, row->alias,
                                  row->kind == OPT_SECRET ? file_variable : NULL };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *text = names[i] ? getenv(names[i]) : NULL;
        if (text && *text)
            return true;
    }
    return false;
}

void options_each(const struct option_table *tables, size_t n,
                  void (*fn)(void *arg, const struct option_shown *o), void *arg)
{
    for (size_t i = 0; i < n; i++) {
        for (const struct option_row *row = tables[i].rows; row->name; row++) {
            AUTO_FREE char *variable = options_variable(tables[i].service, row->name);
            AUTO_FREE char *flag = options_flag_name(tables[i].service, row->name);
            AUTO_FREE char *value = value_text(&tables[i], row);
            bool secret = row->kind == OPT_SECRET;
            AUTO_FREE char *option = xasprintf("--%s", flag);
            const struct option_shown shown = {
                .name = variable,
                .flag = secret ? NULL : option,
                .value = !secret                       ? value
                         : strcmp(value, "(set)") == 0 ? "set"
                                                       : "not set",
                .def = row->def,
                .source = flag_taken(row, flagged)        ? "flag"
                          : in_environment(variable, row) ? "environment"
                                                          : "default",
                .help = row->help,
                .secret = secret,
            };
            fn(arg, &shown);
        }
    }
}

void options_print(const struct option_table *tables, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        for (const struct option_row *row = tables[i].rows; row->name; row++) {
            AUTO_FREE char *variable = options_variable(tables[i].service, row->name);
            AUTO_FREE char *value = value_text(&tables[i], row);
            fprintf(out, "%s=%s\n", variable, value);
        }
    }
}
