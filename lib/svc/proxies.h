/*
 * Whom a request is from, behind reverse proxies. X-Forwarded-For is a list that each
 * proxy adds its own peer to, so it is read from the right for as long as the speaker is
 * a trusted proxy: the right-most address that is none is the client. Without trust the
 * header is any client's free text, and ignored. RFC 7239's Forwarded is not read.
 */
#ifndef LIB_SVC_PROXIES_H
#define LIB_SVC_PROXIES_H

#include "svc/address.h"
#include "svc/http.h"
#include "svc/loop.h"

struct proxies;

/* Where a request is from. */
struct proxies_origin {
    struct address client; /* who asks, behind trusted proxies */
    char text[ADDRESS_TEXT];
    bool https; /* a trusted proxy said so */
};

/* Whether proxies_new takes the whole of this list; asks nobody. */
bool proxies_fine(const char *list);
/* list: networks ("10.0.0.0/8"), addresses, and host names; a name stands for all its
 * addresses, looked up again every few seconds (a name with both families: its IPv4
 * ones). NULL when a member is none of these. */
struct proxies *proxies_new(struct loop *l, const char *list);
void proxies_free(struct proxies **p);

/* Any thread. */
bool proxies_trust(struct proxies *p, const struct address *peer);
/* lines: the X-Forwarded-For lines of a request as they came, n of them. A hop that is no
 * address ends the reading: the proxy that passed it on counts then. Any thread. */
struct address proxies_client(struct proxies *p, const struct address *peer,
                              const struct str *lines, unsigned n);
/* The same of a request, by its peer, X-Forwarded-For and X-Forwarded-Proto. Any thread.
 */
struct proxies_origin proxies_origin(struct proxies *p, const struct http_request *r);

#endif
