/*
 * IP addresses and networks as bytes: for lists of networks, and for whatever counts by
 * address. An IPv4 address is kept as ::ffff:a.b.c.d, so both families are one type.
 */
#ifndef LIB_SVC_ADDRESS_H
#define LIB_SVC_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { ADDRESS_TEXT = 46, NETWORKS_MAX = 64 };

struct address {
    uint8_t b[16];
};

/* "10.0.0.1", "2001:db8::1"; no port, no brackets, no zone. False: ret untouched. */
bool address_parse(struct str text, struct address *ret);
/* As addresses are written, IPv4 in dots. Returns out. */
char *address_text(const struct address *a, char out[static ADDRESS_TEXT]);
bool address_is_v4(const struct address *a);
/* What counts as one client: an IPv4 address, the /64 of an IPv6 one. */
struct address address_client(const struct address *a);

struct network {
    struct address base;
    unsigned bits; /* of the 128 */
};

/* "10.0.0.0/8", "fd00::/8", or one address. Bits beyond the prefix are cleared. False:
 * ret untouched. */
bool network_parse(struct str text, struct network *ret);
bool network_holds(const struct network *n, const struct address *a);

struct network_list {
    struct network network[NETWORKS_MAX];
    unsigned n;
};

/* A comma list of networks; empty members are skipped. False: the member that is none (or
 * one too many) in *ret_bad, borrowed from text. */
bool network_list_parse(struct network_list *list, struct str text, struct str *ret_bad);
bool network_list_holds(const struct network_list *list, const struct address *a);

/* The port of an endpoint that listens on every address ("tcp://0.0.0.0:7001", with
 * "[::]" or a star), which is none to call; NULL for any other. Borrowed from it. */
const char *address_wildcard_port(const char *endpoint);

#endif
