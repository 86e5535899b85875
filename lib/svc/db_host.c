/*
 * The server's name. libpq would look it up while the loop waits, so a name is resolved
 * in a thread (resolve.h) and libpq gets addresses. Sockets, numbers and lists of hosts
 * are left to libpq.
 */
#include "svc/db_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "svc/resolve.h"

enum { ADDRESSES_MAX = 4096 };

static bool needs_look_up(const char *host)
{
    if (!host || strchr(host, '/') || strchr(host, ',') || strchr(host, ':') ||
        strcmp(host, "localhost") == 0)
        return false;
    return strspn(host, "0123456789.") != strlen(host);
}

/* "tcp://10.0.0.3:5432" or "tcp://[fd00::3]:5432" */
static struct str address_of(const char *endpoint)
{
    struct str s = str_of(endpoint);
    const char *start = strstr(endpoint, "://");
    if (start)
        s = (struct str){ start + 3, s.n - (size_t)(start + 3 - s.p) };
    const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
    if (colon)
        s.n = (size_t)(colon - s.p);
    if (s.n > 2 && *s.p == '[')
        s = (struct str){ s.p + 1, s.n - 2 };
    return s;
}

/* libpq wants one name per address: certificates are checked against it. */
static void on_addresses(void *arg, const char *const *endpoints, unsigned n)
{
    struct db *db = arg;
    struct buf names, addresses;
    buf_init(&names, ADDRESSES_MAX);
    buf_init(&addresses, ADDRESSES_MAX);
    for (unsigned i = 0; i < n; i++) {
        buf_cstr(&names, i ? "," : "");
        buf_cstr(&names, db->cfg.host);
        buf_cstr(&addresses, i ? "," : "");
        buf_str(&addresses, address_of(endpoints[i]));
    }
    if (n == 0 || names.overflow || addresses.overflow) {
        buf_deinit(&names);
        buf_deinit(&addresses);
        return; /* what was known before is better than nothing */
    }
    bool first = !db->addresses;
    free(db->names);
    free(db->addresses);
    db->names = buf_take(&names, NULL);
    db->addresses = buf_take(&addresses, NULL);
    if (first)
        conn_start_all(db);
}

void host_start(struct db *db)
{
    if (!needs_look_up(db->cfg.host))
        return;
    const char *port = db->cfg.port ? db->cfg.port : "5432";
    AUTO_FREE char *endpoint = xasprintf("tcp://%s:%s", db->cfg.host, port);
    db->resolver = resolver_start(db->loop, endpoint, on_addresses, db);
}

bool host_known(const struct db *db)
{
    return !db->resolver || db->addresses;
}

void host_stop(struct db *db)
{
    resolver_stop(&db->resolver);
    free(db->names);
    free(db->addresses);
}
