/* REDIS_URL taken apart. No I/O. */
#ifndef GATEWAY_REDIS_URL_H
#define GATEWAY_REDIS_URL_H

#include <stdbool.h>

#include "base/secret.h"

struct redis_url {
    char *path;              /* a Unix socket; NULL: endpoint */
    char *endpoint;          /* "tcp://redis:6379", as svc/resolve.h takes it */
    char *user;              /* NULL: none */
    struct secret *password; /* NULL: none */
    int db;
};

/* redis://[[user]:password@]host[:port][/db] or unix:///path[?db=n]. False with *ret_why
 * (static, the rest of a sentence: "has no valid port") for anything else; ret is empty
 * then. */
bool redis_url_parse(struct str url, struct redis_url *ret, const char **ret_why);
void redis_url_clear(struct redis_url *u);

#endif
