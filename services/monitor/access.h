/*
 * Who may look and who may act: Basic pairs from the settings, sessions of people who
 * signed in. Rules only, no I/O; time comes in as a parameter (monotonic ms). All in the
 * loop's thread.
 */
#ifndef MONITOR_ACCESS_H
#define MONITOR_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "base/str.h"

enum access_role { ACCESS_NONE, ACCESS_READER, ACCESS_ADMIN };

enum {
    SESSIONS_MAX = 256,
    SESSION_TEXT = 44, /* 32 random bytes in base64url and a NUL */
    SESSION_HASH = 32,
    ACCESS_NAME = 161,
    SESSION_CHECK_MS = 20000, /* how often auth is asked whether the account still may */
    SESSION_STALE_MS = 55000, /* without an answer for so long it may only look */
    GUESSES_MAX = 20,         /* wrong passwords a minute from one client, of each kind */
};

struct session {
    uint8_t hash[SESSION_HASH]; /* SHA-256 of the cookie, which is not kept */
    char csrf[SESSION_TEXT]; /* made of the cookie; empty until one comes after a restart
                              */
    char name[ACCESS_NAME];
    int64_t user_id;
    bool has_sid;
    uint8_t sid[16]; /* of the account's session in auth */
    enum access_role role;
    int64_t born_ms, used_ms, checked_ms;
    uint64_t serial; /* names it in callbacks: never reused */
    bool checking;
    int64_t kept_ms; /* as the database has it: last use and role; 0: it has nothing */
    enum access_role kept_role;
};

struct access;

/* Where passwords are tried; each is counted by itself. */
enum access_door { ACCESS_BY_BASIC, ACCESS_BY_SIGN_IN, ACCESS_DOORS };

/* basic: the pairs, "user:password[:ro]" by comma or line; NULL = none. NULL with a
 * sentence in *ret_why (static) when it cannot be read. */
struct access *access_new(const struct secret *basic, int64_t idle_ms, int64_t max_ms,
                          const char **ret_why);
void access_free(struct access **a);

/* The value of an Authorization header. ACCESS_NONE: not one of ours; *ret_busy is true
 * when this client guessed too often and was not even compared. */
enum access_role access_basic(struct access *a, struct str header, const char *client,
                              int64_t now_ms, char name[static ACCESS_NAME],
                              bool *ret_busy);
/* One more password of this client (an address; of an IPv6 one the /64 counts). False: it
 * has tried too many of late, and none is compared. */
bool access_try(struct access *a, enum access_door door, const char *client,
                int64_t now_ms);
/* The one it tried was right: it does not count. */
void access_right(struct access *a, enum access_door door, const char *client,
                  int64_t now_ms);

/* Opens a session; the oldest one goes when all places are taken. Borrowed. ret_token
 * gets the cookie's value: the only time that it is there. */
struct session *access_open(struct access *a, const char *name, int64_t user_id,
                            const uint8_t *sid, enum access_role role, int64_t now_ms,
                            char ret_token[static SESSION_TEXT]);
/* A session of before a restart comes back: hash, name, user_id, sid, role, born_ms and
 * used_ms of `of` count. It may look, and act once auth has confirmed the account.
 * False: it is known, has ended by its times, or there is no place. */
bool access_restore(struct access *a, const struct session *of, int64_t now_ms);
/* Told of each session that ends, before it is wiped; not of those that are there at
 * access_free. */
void access_on_end(struct access *a, void (*fn)(void *arg, const struct session *s),
                   void *arg);
/* The first one that fn wants; NULL when it wants none. */
struct session *access_first(struct access *a, bool (*fn)(const struct session *s));
/* The session of a Cookie header, NULL when there is none that lives. */
struct session *access_find(struct access *a, struct str cookies, int64_t now_ms);
/* Is there a cookie of ours in a Cookie header, of a session or not? */
bool access_offers(struct str cookies);
struct session *access_by_serial(struct access *a, uint64_t serial, int64_t now_ms);
/* Ends it: wiped and freed. */
void access_end(struct access *a, struct session *s);
/* Calls fn for each session that auth should be asked about now; ends the dead ones. */
void access_tick(struct access *a, int64_t now_ms,
                 void (*fn)(void *arg, struct session *s), void *arg);
unsigned access_count(const struct access *a);
/* False: auth has not confirmed the account for too long; it may look and not act. */
bool access_is_confirmed(const struct session *s, int64_t now_ms);
/* True when the value of X-CSRF-Token is this session's. */
bool access_csrf(const struct session *s, struct str token);
/* When the session ends if it is not used again (monotonic ms). */
int64_t access_ends_ms(const struct access *a, const struct session *s);

/* Does a writing request come from our own page, as far as its headers tell? */
bool access_same_origin(struct str sec_fetch_site, struct str origin, struct str host);
/* The name of the cookie: browsers bind one with the prefix to https and the root. */
const char *access_cookie_name(bool https, const char *prefix);

#endif
