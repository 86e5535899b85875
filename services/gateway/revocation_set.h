/*
 * What was taken back before its time: sessions, and all tokens of a user below a
 * version. A hash table without locks and without I/O; an entry counts until its time is
 * over, when no token lives any more that it could refuse.
 */
#ifndef GATEWAY_REVOCATION_SET_H
#define GATEWAY_REVOCATION_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a token is refused; what a client is told depends on it. */
enum revocation_cause {
    REVOKED_NOT,
    REVOKED_ENDED,    /* logged out, another password, another role */
    REVOKED_INACTIVE, /* the account was deactivated */
    REVOKED_DELETED,  /* the account is gone */
};

struct revocation_set;

/* With room for `room` entries. */
struct revocation_set *revocation_set_new(size_t room);
void revocation_set_free(struct revocation_set **s);
/* The entries that count at `now` (seconds), with room for as many again and `more`. */
struct revocation_set *revocation_set_copy(const struct revocation_set *s, int64_t now,
                                           size_t more);
/* Entries held, ended ones included; the room is used up when both are equal. */
size_t revocation_set_count(const struct revocation_set *s);
size_t revocation_set_room(const struct revocation_set *s);
/* Entries that count at `now`. */
size_t revocation_set_living(const struct revocation_set *s, int64_t now);

/* Only while there is room: false otherwise, and nothing is added. until: seconds. */
bool revocation_set_add_session(struct revocation_set *s, const uint8_t sid[static 16],
                                int64_t until);
/* Tokens of the user with a version below min_uv. Of two for one user the higher version
 * counts, of equal ones the later call. */
bool revocation_set_add_user(struct revocation_set *s, int64_t user_id, int64_t min_uv,
                             enum revocation_cause cause, int64_t until);

/* Two look-ups, whatever is held. Any thread, while nobody adds. */
enum revocation_cause revocation_set_check(const struct revocation_set *s,
                                           const uint8_t sid[static 16], int64_t user_id,
                                           int64_t uv, int64_t now);

#endif
