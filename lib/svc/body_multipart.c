/* multipart/form-data (RFC 7578): text fields only, no files. */
#include <string.h>

#include "svc/body_internal.h"

enum { BOUNDARY_MAX = 70 };

/* Where the closing quote of a quoted string is; its length when there is none. */
static size_t quoted_length(struct str s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != '"')
        i += s.p[i] == '\\' && i + 1 < s.n ? 2 : 1;
    return i;
}

/* From behind the opening quote to behind the closing one. Only what the value needs is
 * allocated: a header made of thousands of empty values must not cost its square. */
static struct str take_quoted(struct str *rest, struct arena *a)
{
    size_t end = quoted_length(*rest), n = 0;
    char *out = arena_alloc(a, end + 1);
    for (size_t i = 0; i < end; i++) {
        if (rest->p[i] == '\\' && i + 1 < rest->n)
            i++;
        out[n++] = rest->p[i];
    }
    *rest = (struct str){ rest->p + end, rest->n - end };
    return (struct str){ out, n };
}

/* Takes one parameter off the rest of a header: name, value without quotes. */
static bool next_parameter(struct str *rest, struct arena *a, struct str *name,
                           struct str *value)
{
    *rest = str_trim(*rest);
    if (rest->n == 0)
        return false;
    size_t i = 0;
    while (i < rest->n && rest->p[i] != '=' && rest->p[i] != ';')
        i++;
    *name = str_trim((struct str){ rest->p, i });
    *value = STR("");
    if (i + 1 < rest->n && rest->p[i] == '=' && rest->p[i + 1] == '"') {
        *rest = (struct str){ rest->p + i + 2, rest->n - i - 2 };
        *value = take_quoted(rest, a);
        str_cut(rest, ';');
        return true;
    }
    struct str part = str_cut(rest, ';');
    str_cut(&part, '=');
    *value = str_trim(part);
    return true;
}

bool body_parameter(struct str header, struct str name, struct arena *a, struct str *ret)
{
    struct str found, value;
    str_cut(&header, ';');
    while (next_parameter(&header, a, &found, &value)) {
        if (str_eq_ci(found, name)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

/* The value of a part's header line, when it is the wanted one. */
static bool part_header(struct str head, struct str name, struct str *ret)
{
    while (head.n > 0) {
        struct str line = str_cut(&head, '\n');
        struct str key = str_trim(str_cut(&line, ':'));
        if (str_eq_ci(key, name)) {
            *ret = str_trim(line);
            return true;
        }
    }
    return false;
}

static const char *add_part(json_t *object, struct str part, struct arena *a)
{
    struct str disposition, name, file;
    const char *gap = memmem(part.p, part.n, "\r\n\r\n", 4);
    if (!gap)
        return "a part has no end of its headers";
    struct str head = { part.p, (size_t)(gap - part.p) };
    struct str value = { gap + 4, part.n - head.n - 4 };
    if (!part_header(head, STR("Content-Disposition"), &disposition) ||
        !body_parameter(disposition, STR("name"), a, &name))
        return "a part has no name";
    if (body_parameter(disposition, STR("filename"), a, &file) ||
        body_parameter(disposition, STR("filename*"), a, &file))
        return "files are not accepted";
    body_add_text(object, name, value, a);
    return NULL;
}

/* Cuts *rest at the first line that is the delimiter; false when there is none. */
static bool cut_at_delimiter(struct str *rest, struct str delimiter, struct str *ret)
{
    const char *at = memmem(rest->p, rest->n, delimiter.p, delimiter.n);
    if (!at)
        return false;
    *ret = (struct str){ rest->p, (size_t)(at - rest->p) };
    *rest = (struct str){ at + delimiter.n, rest->n - ret->n - delimiter.n };
    return true;
}

static const char *read_parts(json_t *object, struct str bytes, struct str delimiter,
                              struct arena *a)
{
    struct str part;
    unsigned n = 0;
    /* The first delimiter may open the body: without the line end before it. */
    struct str first = { delimiter.p + 2, delimiter.n - 2 };
    if (!str_starts(bytes, first) && !cut_at_delimiter(&bytes, delimiter, &part))
        return "the boundary is not in the body";
    if (str_starts(bytes, first))
        bytes = (struct str){ bytes.p + first.n, bytes.n - first.n };
    while (!str_starts(bytes, STR("--"))) {
        if (++n > BODY_MEMBERS_MAX)
            return "too many fields, 1000 are allowed";
        if (!cut_at_delimiter(&bytes, delimiter, &part))
            return "the last boundary is missing";
        const char *why = add_part(object, part, a);
        if (why)
            return why;
    }
    return NULL;
}

json_t *body_multipart(struct str content_type, struct str bytes, struct arena *a,
                       const char **ret_why)
{
    struct str boundary;
    if (!body_parameter(content_type, STR("boundary"), a, &boundary) || boundary.n == 0 ||
        boundary.n > BOUNDARY_MAX) {
        *ret_why = "Invalid boundary in multipart";
        return NULL;
    }
    struct str delimiter = str_of(arena_printf(a, "\r\n--%.*s", STR_ARG(boundary)));
    json_t *object = json_object();
    *ret_why = read_parts(object, bytes, delimiter, a);
    if (*ret_why) {
        json_decref(object);
        return NULL;
    }
    return object;
}
