#include "auth/page.h"

#include <openssl/sha.h>

#include "base/html.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/embed.h"

enum { FORM_MAX = 8 * 1024 };

extern const struct embed_file embed_auth_pages[];

static const struct {
    const char *title, *mark, *text;
} TEXTS[] = {
    [AUTH_PAGE_CONFIRM] = { "Confirm your e-mail address", "",
                            "One click, and the address belongs to your account." },
    [AUTH_PAGE_VERIFIED] = { "Email verified", "well",
                             "Thank you. This window can be closed." },
    [AUTH_PAGE_ALREADY] = { "Already verified", "well",
                            "This address was confirmed before. Nothing is left to do." },
    [AUTH_PAGE_INVALID] = { "This link does not work", "broken",
                            "It is incomplete, was replaced by a newer one, or its time "
                            "is up." },
    [AUTH_PAGE_RESET] = { "Choose a new password", "",
                          "Setting it ends every session of your account, on all "
                          "devices." },
    [AUTH_PAGE_RESET_DONE] = { "Password changed", "well",
                               "Log in with the new one. This window can be closed." },
};

struct slot {
    const char *name;
    struct str value;
    bool raw; /* a part of ours, not a text */
};

static void fill_slot(struct buf *out, const struct slot *slots, struct str name)
{
    for (const struct slot *s = slots; s->name; s++) {
        if (!str_eq(str_of(s->name), name))
            continue;
        if (s->raw)
            buf_str(out, s->value);
        else
            html_escape(out, s->value);
    }
}

/* Copies a template and fills its {{names}}. */
static void fill(struct buf *out, const char *file, const struct slot *slots)
{
    struct str rest = embed_find(embed_auth_pages, file);

    while (rest.n > 0) {
        const char *open = memmem(rest.p, rest.n, "{{", 2);
        const char *close =
            open ? memmem(open, rest.n - (size_t)(open - rest.p), "}}", 2) : NULL;
        if (!close)
            break;
        buf_add(out, rest.p, (size_t)(open - rest.p));
        fill_slot(out, slots, (struct str){ open + 2, (size_t)(close - open - 2) });
        rest.n -= (size_t)(close + 2 - rest.p);
        rest.p = close + 2;
    }
    buf_str(out, rest);
}

/* The policy names the one style by its hash; nothing else may load or run. */
static void style_hash(struct str style, char out[static 48])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256((const uint8_t *)style.p, style.n, digest);
    b64_encode(digest, sizeof(digest), out);
}

static void write_page(enum auth_page page, struct str form, struct buf *out)
{
    struct str style = embed_find(embed_auth_pages, "style.css");
    char hash[48];

    style_hash(style, hash);
    const struct slot slots[] = {
        { "title", str_of(TEXTS[page].title), false },
        { "mark", str_of(TEXTS[page].mark), false },
        { "text", str_of(TEXTS[page].text), false },
        { "style", style, true },
        { "hash", str_of(hash), true },
        { "form", form, true },
        { 0 },
    };
    fill(out, "verify.html", slots);
}

void auth_page_write(enum auth_page page, struct str token, struct buf *out)
{
    AUTO_BUF struct buf form;

    buf_init(&form, FORM_MAX);
    if (page == AUTH_PAGE_CONFIRM)
        fill(&form, "form.html",
             (const struct slot[]){ { "token", token, false }, { 0 } });
    write_page(page, buf_get(&form), out);
}

void auth_page_write_reset(const struct auth_reset_form *f, struct buf *out)
{
    AUTO_BUF struct buf form;
    AUTO_BUF struct buf problems;

    buf_init(&form, FORM_MAX);
    buf_init(&problems, FORM_MAX / 2);
    for (unsigned i = 0; i < f->nproblems; i++)
        fill(
            &problems, "problem.html",
            (const struct slot[]){ { "problem", str_of(f->problems[i]), false }, { 0 } });
    const struct slot slots[] = {
        { "problems", buf_get(&problems), true },
        { "uid", f->uid, false },
        { "token", f->token, false },
        { 0 },
    };
    fill(&form, "reset.html", slots);
    write_page(AUTH_PAGE_RESET, buf_get(&form), out);
}
