#include "svc/setting.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "svc/address.h"
#include "svc/http.h"
#include "svc/proxies.h"
#include "svc/resolve.h"

static bool is_port(struct str s, int64_t least)
{
    int64_t n;
    return s.n > 0 && s.n <= 5 && str_to_i64(s, &n) && n >= least && n <= 65535;
}

const char *setting_http_listen(const char *text)
{
    return http_can_listen(text)
               ? NULL
               : "must be an address and a port: 127.0.0.1:8000, [::]:8000";
}

/* ---- ZeroMQ ---- */

static bool is_interface(struct str host)
{
    char name[IF_NAMESIZE];
    if (host.n == 0 || host.n >= sizeof name)
        return false;
    memcpy(name, host.p, host.n);
    name[host.n] = '\0';
    return if_nametoindex(name) > 0;
}

static bool is_bind_host(struct str host)
{
    struct address any;
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        return address_parse((struct str){ host.p + 1, host.n - 2 }, &any);
    return str_eq(host, STR("*")) || address_parse(host, &any) || is_interface(host);
}

const char *setting_zmq_listen(const char *text)
{
    static const char WHY[] = "must be like tcp://127.0.0.1:7001 or tcp://[::]:7001";
    struct str s = str_of(text);
    if (!str_starts(s, STR("tcp://")))
        return WHY;
    s = (struct str){ s.p + 6, s.n - 6 };
    const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
    if (!colon)
        return WHY;
    struct str port = { colon + 1, (size_t)(s.p + s.n - colon - 1) };
    s.n = (size_t)(colon - s.p);
    bool fine = is_bind_host(s) && (str_eq(port, STR("*")) || is_port(port, 0));
    return fine ? NULL : WHY;
}

const char *setting_endpoints(const char *text)
{
    return resolver_can_follow(text) ? NULL : "must be a comma list of tcp://host:port";
}

const char *setting_endpoints_or_none(const char *text)
{
    return strcmp(text, "none") == 0 ? NULL : setting_endpoints(text);
}

/* ---- Postgres ---- */

const char *setting_ports(const char *text)
{
    struct str rest = str_of(text);
    while (rest.p)
        if (!is_port(str_trim(str_cut(&rest, ',')), 1))
            return "must be a port from 1 to 65535, or a comma list of them";
    return NULL;
}

const char *setting_sslmode(const char *text)
{
    static const char *const MODES[] = { "disable", "allow",     "prefer",
                                         "require", "verify-ca", "verify-full" };
    for (size_t i = 0; i < ARRAY_LEN(MODES); i++)
        if (strcmp(text, MODES[i]) == 0)
            return NULL;
    return "must be disable, allow, prefer, require, verify-ca or verify-full";
}

/* ---- the rest ---- */

/* The host and port of a URL: letters, digits, and what names and addresses need. */
static bool is_authority(struct str s)
{
    static const char MARKS[] = ".-_:[]";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || !strchr(MARKS, c)))
            return false;
    }
    return s.n > 0 && s.p[0] != ':';
}

/* What stands in links as it is: nothing that a mail or page would end a link at. */
static bool is_link_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
            strchr("\"<>\\^`{|}?#", s.p[i]))
            return false;
    return true;
}

const char *setting_base_url(const char *text)
{
    static const char WHY[] =
        "must be an http or https URL without a query: https://api.example.com";
    struct str s = str_trim(str_of(text));
    size_t scheme = str_starts(s, STR("http://"))    ? 7
                    : str_starts(s, STR("https://")) ? 8
                                                     : 0;
    if (scheme == 0 || !is_link_text(s))
        return WHY;
    s = (struct str){ s.p + scheme, s.n - scheme };
    return is_authority(str_cut(&s, '/')) ? NULL : WHY;
}

const char *setting_networks(const char *text)
{
    struct network_list list = { .n = 0 };
    struct str bad;
    return network_list_parse(&list, str_of(text), &bad)
               ? NULL
               : "must be a comma list of networks, at most 64: 10.0.0.0/8,::1";
}

const char *setting_proxies(const char *text)
{
    return proxies_fine(text) ? NULL : "must be a comma list of networks and host names";
}

const char *setting_readable_file(const char *text)
{
    struct stat st;
    int fd = open(text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool fine = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (fd >= 0)
        close(fd);
    return fine ? NULL : "must name a file that can be read";
}
