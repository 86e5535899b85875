#include "mailer/letter.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "mailer/address.h"
#include "mailer/mime.h"
#include "mailer/template.h"
#include "svc/email.h"
#include "svc/embed.h"

extern const struct embed_file embed_mailer_templates[];

enum { MAIL_MAX = 256 * 1024, TEMPLATE_MAX = 64 * 1024, TOKEN_LENGTH = 43 };

/* What the templates may name; the order of `enum value_index`. */
static const char *const NAMES[] = { "username", "link", "expires", "when", NULL };
enum value_index { VALUE_USERNAME, VALUE_LINK, VALUE_EXPIRES, VALUE_WHEN, VALUES };

/* What the frame around every HTML part may name. */
static const char *const LAYOUT_NAMES[] = { "title", "content", NULL };
enum layout_index { LAYOUT_TITLE, LAYOUT_CONTENT, LAYOUT_VALUES };

enum part { PART_SUBJECT, PART_TEXT, PART_HTML, PARTS };
static const char *const SUFFIXES[PARTS] = { "subject", "txt", "html" };

/* path: of the link, up to the token; NULL for a mail without one. with_uid: the link
 * says whose it is, as the original's does. */
static const struct kind {
    const char *name, *path;
    bool with_uid;
} KINDS[] = {
    { "verification", "/api/auth/verify-email?", false },
    { "welcome", NULL, false },
    { "password_reset", "/api/auth/reset-password/?", true },
    { "password_changed", NULL, false },
    { "account_exists", NULL, false },
    { "session_ended", NULL, false },
};
enum { KIND_COUNT = ARRAY_LEN(KINDS) };

struct letters {
    struct arena arena;
    struct template *templates[KIND_COUNT][PARTS];
    struct template *layout;
    struct str from_name, from_address, domain, subject_prefix;
    bool can_open;
    uint8_t open_key[crypto_box_SECRETKEYBYTES], seal_key[crypto_box_PUBLICKEYBYTES];
};

/* --- loading ----------------------------------------------------------------------- */

/* A file of the directory; NULL when it is not there. */
static char *read_override(const char *dir, const char *name, size_t *ret_n)
{
    if (!dir || !*dir)
        return NULL;
    AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    char *text = xmalloc(TEMPLATE_MAX);
    *ret_n = fread(text, 1, TEMPLATE_MAX, f);
    fclose(f);
    return text;
}

static struct template *load_template(const char *dir, const char *name,
                                      const char *const *names, char **ret_why)
{
    size_t n = 0;
    char *why = NULL;
    AUTO_FREE char *override = read_override(dir, name, &n);
    struct str text =
        override ? (struct str){ override, n } : embed_find(embed_mailer_templates, name);
    if (utf8_check(text) != text.n) {
        *ret_why = xasprintf("%s is not UTF-8", name);
        return NULL;
    }
    struct template *t = template_new(text, names, &why);
    if (!t)
        *ret_why = xasprintf("%s: %s", name, why);
    free(why);
    return t;
}

static bool load_templates(struct letters *l, const char *dir, char **ret_why)
{
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        for (size_t part = 0; part < PARTS; part++) {
            char name[64];
            snprintf(name, sizeof name, "%s.%s", KINDS[kind].name, SUFFIXES[part]);
            l->templates[kind][part] = load_template(dir, name, NAMES, ret_why);
            if (!l->templates[kind][part])
                return false;
        }
    }
    l->layout = load_template(dir, "layout.html", LAYOUT_NAMES, ret_why);
    return l->layout != NULL;
}

static bool load_key(struct letters *l, const struct secret *key)
{
    if (!key)
        return true;
    l->can_open = sodium_init() >= 0 &&
                  hex_decode(secret_expose(key), l->open_key, sizeof l->open_key) &&
                  crypto_scalarmult_base(l->seal_key, l->open_key) == 0;
    return l->can_open;
}

static const char *load_sender(struct letters *l, const char *from)
{
    struct str name, address;
    struct str mine = arena_dup(&l->arena, str_of(from));
    if (!address_parse_from(mine, &l->arena, &name, &address))
        return "DEFAULT_FROM_EMAIL is not an address";
    l->from_name = name;
    l->from_address = address;
    l->domain = email_domain(address);
    return NULL;
}

struct letters *letters_new(const struct letters_config *cfg,
                            const struct secret *seal_key, char **ret_why)
{
    struct letters *l = xcalloc(1, sizeof *l);
    const char *why = load_sender(l, cfg->from);
    l->subject_prefix = str_of(cfg->subject_prefix);
    *ret_why = NULL;
    if (!why && !load_key(l, seal_key))
        why = "seal.key is not 64 hexadecimal digits";
    if (!why && load_templates(l, cfg->dir, ret_why))
        return l;
    if (why)
        *ret_why = xstrdup(why);
    letters_free(&l);
    return NULL;
}

void letters_free(struct letters **l)
{
    if (!*l)
        return;
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        for (size_t part = 0; part < PARTS; part++)
            template_free(&(*l)->templates[kind][part]);
    template_free(&(*l)->layout);
    arena_deinit(&(*l)->arena);
    sodium_memzero((*l)->open_key, sizeof(*l)->open_key);
    free(*l);
    *l = NULL;
}

struct str letters_sender(const struct letters *l)
{
    return l->from_address;
}

/* --- values ------------------------------------------------------------------------ */

static const struct kind *find_kind(struct str name, size_t *ret)
{
    for (*ret = 0; *ret < KIND_COUNT; ++*ret)
        if (str_eq(str_of(KINDS[*ret].name), name))
            return &KINDS[*ret];
    return NULL;
}

/* Characters that move text about or end a line have no place in a name. */
static bool is_odd(int32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e ||
           c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static struct str clean_name(struct str in, struct arena *a)
{
    char *out = arena_alloc(a, in.n + 1);
    size_t n = 0, step;
    for (size_t i = 0; i < in.n; i += step) {
        int32_t c = utf8_next((struct str){ in.p + i, in.n - i }, &step);
        if (c < 0)
            step = 1;
        if (c < 0 || is_odd(c)) {
            out[n++] = ' ';
            continue;
        }
        memcpy(out + n, in.p + i, step);
        n += step;
    }
    return (struct str){ out, n };
}

static bool is_link_base(struct str s)
{
    if (!str_starts(s, STR("http://")) && !str_starts(s, STR("https://")))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("<>\"'\\^`{|}", (char)c))
            return false;
    }
    return s.n < 512;
}

static struct str time_text(int64_t us, struct arena *a)
{
    char text[64];
    struct tm tm;
    time_t s = (time_t)(us / 1000000);
    if (us == 0)
        return STR("");
    gmtime_r(&s, &tm);
    strftime(text, sizeof text, "%d %B %Y, %H:%M UTC", &tm);
    return arena_dup(a, str_of(text[0] == '0' ? text + 1 : text));
}

/* The token that auth sealed to our key; empty when it does not open or looks wrong. */
static struct str open_token(const struct letters *l, struct str sealed_hex,
                             struct arena *a)
{
    enum { SEALED = TOKEN_LENGTH + crypto_box_SEALBYTES };
    uint8_t sealed[SEALED];
    char *token = arena_alloc(a, TOKEN_LENGTH + 1);
    uint8_t raw[TOKEN_LENGTH];
    if (!l->can_open || !hex_decode(sealed_hex, sealed, SEALED))
        return STR("");
    if (crypto_box_seal_open((uint8_t *)token, sealed, SEALED, l->seal_key,
                             l->open_key) != 0)
        return STR("");
    struct str s = { token, TOKEN_LENGTH };
    return b64url_decode(s, raw) > 0 ? s : STR("");
}

static struct str param(const json_t *params, const char *key, struct arena *a)
{
    return arena_dup(a, str_of(json_string_value(json_object_get(params, key))));
}

static const char *make_link(const struct letters *l, const struct letter_job *job,
                             const struct kind *kind, const json_t *params,
                             struct arena *a, struct str *ret)
{
    struct str base = param(params, "link_base", a);
    json_int_t user_id = json_integer_value(json_object_get(params, "user_id"));
    const char *uid = "";
    if (kind->with_uid && user_id <= 0)
        return "the user of the link is not known";
    if (kind->with_uid)
        uid = arena_printf(a, "uid=%" JSON_INTEGER_FORMAT "&", user_id);
    if (!is_link_base(base))
        return "the base of the link is not an http address";
    struct str token = open_token(l, job->sealed, a);
    if (token.n == 0)
        return "the sealed token does not open with this key";
    bool slash = base.p[base.n - 1] == '/';
    *ret = str_of(arena_printf(a, "%.*s%s%stoken=%.*s", (int)base.n - slash, base.p,
                               kind->path, uid, STR_ARG(token)));
    return NULL;
}

static void fill_values(const struct letter_job *job, const json_t *params,
                        struct arena *a, struct template_value *v)
{
    v[VALUE_USERNAME].text = clean_name(param(params, "username", a), a);
    v[VALUE_EXPIRES].text = time_text(job->expires_us, a);
    v[VALUE_WHEN].text = time_text(job->date_us, a);
    for (size_t i = 0; i < VALUES; i++)
        v[i].on = v[i].text.n > 0;
}

static void set_link(struct template_value *v, struct str link)
{
    v[VALUE_LINK] = (struct template_value){ link, link.n > 0 };
}

/* --- writing ----------------------------------------------------------------------- */

static struct str render_template(const struct template *t,
                                  const struct template_value *v, struct arena *a)
{
    struct buf out AUTO_BUF;
    buf_init(&out, MAIL_MAX / 4);
    template_render(t, v, &out);
    return arena_dup(a, buf_get(&out));
}

static struct str render(const struct letters *l, size_t kind, enum part part,
                         const struct template_value *v, struct arena *a)
{
    return render_template(l->templates[kind][part], v, a);
}

static struct str render_subject(const struct letters *l, size_t kind,
                                 const struct template_value *v, struct arena *a)
{
    struct str subject = str_trim(render(l, kind, PART_SUBJECT, v, a));
    return str_of(
        arena_printf(a, "%.*s%.*s", STR_ARG(l->subject_prefix), STR_ARG(subject)));
}

static struct str render_html(const struct letters *l, size_t kind, struct str title,
                              const struct template_value *v, struct arena *a)
{
    struct str content = str_trim(render(l, kind, PART_HTML, v, a));
    const struct template_value layout[LAYOUT_VALUES] = {
        [LAYOUT_TITLE] = { title, title.n > 0 },
        [LAYOUT_CONTENT] = { content, content.n > 0 },
    };
    return render_template(l->layout, layout, a);
}

static void write_mail(const struct letters *l, const struct letter_job *job, size_t kind,
                       const struct template_value *v, struct arena *a, struct str to,
                       struct buf *out)
{
    struct str subject = render_subject(l, kind, v, a);
    struct mime_mail m = {
        .from_name = l->from_name,
        .from_address = l->from_address,
        .to_address = to,
        .subject = subject,
        .text = render(l, kind, PART_TEXT, v, a),
        .html = render_html(l, kind, subject, v, a),
        .message_id = job->message_id,
        .request_id = job->request_id,
        .boundary = job->job_id,
        .date_us = job->date_us,
    };
    mime_write(&m, out);
}

const char *letter_write(const struct letters *l, const struct letter_job *job,
                         struct arena *a, struct buf *ret, struct str *ret_to)
{
    struct template_value v[VALUES] = { 0 };
    struct str link = { 0 };
    const char *why = NULL;
    size_t kind;
    if (!find_kind(job->template, &kind))
        return "there is no template of this name";
    if (!email_to_wire(job->recipient, a, ret_to))
        return "the recipient is not an address that can be mailed";
    json_t *params = json_loadb(job->params.p, job->params.n, 0, NULL);
    if (KINDS[kind].path)
        why = make_link(l, job, &KINDS[kind], params, a, &link);
    fill_values(job, params, a, v);
    json_decref(params);
    set_link(v, link);
    if (why)
        return why;
    write_mail(l, job, kind, v, a, *ret_to, ret);
    return ret->overflow ? "the mail is too large" : NULL;
}

bool letter_preview(const struct letters *l, const struct letter_job *job,
                    struct arena *a, struct letter_view *ret)
{
    struct template_value v[VALUES] = { 0 };
    size_t kind;
    if (!find_kind(job->template, &kind))
        return false;
    json_t *params = json_loadb(job->params.p, job->params.n, 0, NULL);
    fill_values(job, params, a, v);
    json_decref(params);
    if (KINDS[kind].path)
        set_link(v, STR("[link hidden]"));
    ret->from = l->from_address;
    if (l->from_name.n > 0)
        ret->from = str_of(arena_printf(a, "%.*s <%.*s>", STR_ARG(l->from_name),
                                        STR_ARG(l->from_address)));
    ret->subject = render_subject(l, kind, v, a);
    ret->text = render(l, kind, PART_TEXT, v, a);
    ret->html = render_html(l, kind, ret->subject, v, a);
    return true;
}
