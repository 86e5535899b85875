/* What the gateway reads of a request's headers, and of its settings. */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "gateway/bearer.h"
#include "gateway/cors.h"
#include "gateway/host.h"
#include "gateway/ids.h"
#include "gateway/limit_rule.h"
#include "gateway/negotiate.h"
#include "gateway/redis_url.h"

#define SEEDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void run_bearer(struct str in)
{
    struct str token;
    if (gateway_bearer_parse(in, &token) != BEARER_TOKEN)
        return;
    fuzz_expect(token.p >= in.p && token.p + token.n <= in.p + in.n && token.n > 0,
                "the token lies in the header");
    fuzz_expect(!memchr(token.p, ' ', token.n), "the token is one word");
}

static void run_host(struct str in)
{
    static struct gateway_hosts *hosts;
    if (!hosts)
        hosts = gateway_hosts_new("https://api.example.com", ".shop.example,[fd00::1]");
    if (!gateway_host_allowed(hosts, in))
        return;
    struct str name = in;
    if (in.p[0] != '[')
        name = str_cut(&name, ':');
    static const char *const ENDS[] = { "api.example.com", "shop.example", "localhost",
                                        "127.0.0.1" };
    bool known = in.p[0] == '[';
    for (size_t i = 0; i < ARRAY_LEN(ENDS); i++) {
        size_t n = strlen(ENDS[i]);
        known =
            known || (name.n >= n && strncasecmp(name.p + name.n - n, ENDS[i], n) == 0);
    }
    fuzz_expect(known, "a host that is answered for is one of ours");
    const char *end = in.p[0] == '[' ? memchr(in.p, ']', in.n) : in.p + name.n - 1;
    for (const char *p = end ? end + 1 : in.p; p < in.p + in.n; p++)
        fuzz_expect(*p == ':' || (*p >= '0' && *p <= '9'), "behind a host is a port");
}

static void run_negotiate(struct str in)
{
    struct gateway_format f = gateway_negotiate(in, "text/html", in.n % 2 == 0);
    fuzz_expect(f.media_type != NULL, "there is a type in any case");
    gateway_query_format_known(in);
}

static void run_ids(struct str in)
{
    struct str rest = in, id = fuzz_line(&rest);
    struct gateway_ids ids;
    gateway_ids_fill(&ids, id, rest.p ? rest : STR(""));
    fuzz_expect(memchr(ids.text, '\0', sizeof ids.text), "the id ends");
    for (const char *p = ids.text; *p; p++)
        fuzz_expect(isgraph((unsigned char)*p) && *p != '"' && *p != '<',
                    "the id may stand in a header, a log and a page");
}

/* Settings: what an operator mistypes. */
static void run_settings(struct str in)
{
    struct redis_url url;
    struct limit limit;
    struct str bad;
    const char *why = NULL;
    if (redis_url_parse(in, &url, &why))
        redis_url_clear(&url);
    else
        fuzz_expect(why != NULL, "a refusal says why");
    if (limit_parse(in, &limit))
        for (unsigned i = 0; i < limit.n; i++)
            fuzz_expect(limit_interval_us(&limit.rule[i]) > 0, "a limit takes time");
    char *text = xstrndup(in.p, in.n);
    struct gateway_cors *cors = gateway_cors_new(text, &bad);
    gateway_cors_free(&cors);
    free(text);
}

const struct fuzz_target FUZZ_TARGETS[] = {
    { "bearer", run_bearer, SEEDS("Bearer abc.def.ghi", "Basic x", "bearer  a b") },
    { "host", run_host,
      SEEDS("localhost:8000", "[::1]:80", "a.shop.example", "127.0.0.1") },
    { "negotiate", run_negotiate,
      SEEDS("text/html;q=0.9, application/json, */*;q=0", "format=json&a=b") },
    { "ids", run_ids,
      SEEDS(
          "01a2124080137084819a\n00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
          "0af76519-16cd-43dd-8448-eb211c80319c\n") },
    { "settings", run_settings,
      SEEDS("redis://user:pass@host:6379/1", "unix:///run/redis.sock?db=2", "20/m,200/h",
            "https://shop.example,http://[::1]:3000") },
    { 0 },
};
