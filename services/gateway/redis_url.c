#include "gateway/redis_url.h"

#include <string.h>

#include "base/mem.h"

enum { DATABASES = 16384, DEFAULT_PORT = 6379 };

static bool parse_port(struct str s, int64_t *ret)
{
    return str_to_i64(s, ret) && *ret >= 1 && *ret <= 65535;
}

static bool parse_db(struct str s, int *ret)
{
    int64_t db = 0;
    if (s.n > 0 && (!str_to_i64(s, &db) || db < 0 || db >= DATABASES))
        return false;
    *ret = (int)db;
    return true;
}

static void parse_login(struct redis_url *u, struct str login)
{
    struct str user = str_cut(&login, ':');
    /* "redis://password@host" has been seen in the wild, too. */
    struct str password = login.p ? login : user;
    if (login.p && user.n > 0)
        u->user = xstrndup(user.p, user.n);
    if (password.n > 0)
        u->password = secret_new(password);
}

/* "host", "host:port", "[v6]:port" */
static bool parse_host(struct redis_url *u, struct str authority)
{
    int64_t port = DEFAULT_PORT;
    struct str host = authority;
    const char *colon = memrchr(authority.p, ':', authority.n);
    bool v6 = authority.n > 0 && authority.p[0] == '[';
    if (colon && (!v6 || colon[-1] == ']')) {
        host.n = (size_t)(colon - authority.p);
        struct str text = { colon + 1, authority.n - host.n - 1 };
        if (!parse_port(text, &port))
            return false;
    }
    if (host.n == 0)
        host = STR("localhost");
    u->endpoint = xasprintf("tcp://%.*s:%d", STR_ARG(host), (int)port);
    return true;
}

static bool parse_tcp(struct redis_url *u, struct str rest, const char **ret_why)
{
    struct str authority = str_cut(&rest, '/');
    struct str db = str_cut(&rest, '?');
    const char *at = memrchr(authority.p, '@', authority.n);
    if (at) {
        parse_login(u, (struct str){ authority.p, (size_t)(at - authority.p) });
        authority.n -= (size_t)(at - authority.p) + 1;
        authority.p = at + 1;
    }
    *ret_why = "has no valid port";
    if (!parse_host(u, authority))
        return false;
    *ret_why = "has no valid database number";
    return parse_db(db, &u->db);
}

static bool parse_unix(struct redis_url *u, struct str rest, const char **ret_why)
{
    struct str path = str_cut(&rest, '?');
    *ret_why = "needs an absolute socket path";
    if (path.n == 0 || path.p[0] != '/')
        return false;
    u->path = xstrndup(path.p, path.n);
    *ret_why = "has no valid database number";
    if (!str_starts(rest, STR("db=")))
        return rest.n == 0;
    return parse_db((struct str){ rest.p + 3, rest.n - 3 }, &u->db);
}

static bool parse(struct redis_url *u, struct str url, const char **ret_why)
{
    const struct str tcp = STR("redis://"), local = STR("unix://");
    if (str_starts(url, tcp))
        return parse_tcp(u, (struct str){ url.p + tcp.n, url.n - tcp.n }, ret_why);
    if (str_starts(url, local))
        return parse_unix(u, (struct str){ url.p + local.n, url.n - local.n }, ret_why);
    *ret_why = str_starts(url, STR("rediss://"))
                   ? "asks for TLS, which this build's hiredis does not have"
                   : "must begin with redis:// or unix://";
    return false;
}

bool redis_url_parse(struct str url, struct redis_url *ret, const char **ret_why)
{
    *ret = (struct redis_url){ 0 };
    if (parse(ret, str_trim(url), ret_why))
        return true;
    redis_url_clear(ret);
    return false;
}

void redis_url_clear(struct redis_url *u)
{
    secret_free(&u->password);
    free(u->path);
    free(u->endpoint);
    free(u->user);
    *u = (struct redis_url){ 0 };
}
