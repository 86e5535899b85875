/*
 * From a job to the bytes of its mail: opens the sealed secret, builds the link, renders
 * the templates, writes MIME. The same job gives the same bytes, whoever renders it.
 */
#ifndef SERVICES_MAILER_LETTER_H
#define SERVICES_MAILER_LETTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"
#include "base/str.h"

struct letters;

/* One mail as the database holds it. Slices are borrowed. */
struct letter_job {
    struct str job_id; /* UUID text */
    struct str template;
    struct str recipient;
    struct str params; /* JSON: username, link_base, user_id */
    struct str sealed; /* hex, may be empty */
    struct str message_id;
    struct str request_id; /* hex, may be empty */
    int64_t date_us;       /* wall: when the event happened */
    int64_t expires_us;    /* wall, 0 = never */
};

struct arena;

struct letters_config {
    const char *dir;  /* its files replace the built-in templates; may be empty */
    const char *from; /* as DEFAULT_FROM_EMAIL */
    const char *subject_prefix; /* stands before every subject; may be empty */
};

/* Compiles the templates. seal_key: 64 hex digits, may be NULL for previews. cfg's
 * strings must outlive it. NULL with a sentence in *ret_why (heap; free). */
struct letters *letters_new(const struct letters_config *cfg,
                            const struct secret *seal_key, char **ret_why);
void letters_free(struct letters **l);
/* The sender's address. Its domain is the right-hand side of message ids. */
struct str letters_sender(const struct letters *l);

/* NULL, or why the job can never become a mail (static text); ret then holds nothing.
 * *ret_to is valid as long as the arena. */
const char *letter_write(const struct letters *l, const struct letter_job *job,
                         struct arena *a, struct buf *ret, struct str *ret_to);
/* A mail as people may be shown it: the link hidden. Memory from the arena. */
struct letter_view {
    struct str from; /* as in the header, decoded: "Name <address>" */
    struct str subject, text, html;
};
/* False when the template is unknown. */
bool letter_preview(const struct letters *l, const struct letter_job *job,
                    struct arena *a, struct letter_view *ret);

#endif
