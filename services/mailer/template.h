/*
 * A subset of mustache: {{name}} (HTML-escaped), {{{name}}} (as it is), {{#name}} and
 * {{^name}} sections over booleans, {{! comments}}. A tag of a section or comment that
 * stands alone on its line takes the line with it. An unknown name, a section left open
 * or anything else of mustache is an error when the text is loaded, never when it is
 * rendered.
 */
#ifndef SERVICES_MAILER_TEMPLATE_H
#define SERVICES_MAILER_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"

/* What a name stands for; a section is shown when `on`. The order is the caller's list.
 */
struct template_value {
    struct str text;
    bool on;
};

struct template;

/* Compiles a copy of text. names: NULL-terminated, the position is the index into the
 * values of template_render. NULL with a sentence in *ret_why (heap; free). */
struct template *template_new(struct str text, const char *const *names, char **ret_why);
void template_free(struct template **t);
/* Appends the rendered text; values has one entry per name. */
void template_render(const struct template *t, const struct template_value *values,
                     struct buf *out);

#endif
