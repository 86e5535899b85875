/*
 * Whom a request is from, behind reverse proxies. X-Forwarded-For is a list that each
 * proxy adds its own peer to, so it is read from the right for as long as the speaker is
 * a trusted proxy: the right-most address that is none is the client. Without trust the
 * header is any client's free text, and ignored. RFC 7239's Forwarded is not read.
 */
#ifndef GATEWAY_PROXIES_H
#define GATEWAY_PROXIES_H

#include "svc/address.h"
#include "svc/loop.h"

struct gateway_proxies;

/* list: networks ("10.0.0.0/8"), addresses, and host names; a name stands for all its
 * addresses, looked up again every few seconds (a name with both families: its IPv4
 * ones). NULL with a log line when a member is none of these. */
struct gateway_proxies *gateway_proxies_new(struct loop *l, const char *list);
void gateway_proxies_free(struct gateway_proxies **p);

/* Any thread. */
bool gateway_proxies_trust(struct gateway_proxies *p, const struct address *peer);
/* lines: the X-Forwarded-For lines of a request as they came, n of them. A hop that is no
 * address ends the reading: the proxy that passed it on counts then. Any thread. */
struct address gateway_proxies_client(struct gateway_proxies *p,
                                      const struct address *peer, const struct str *lines,
                                      unsigned n);

#endif
