/* What the dashboard reads: searches, cookies, Basic credentials, origins. */
#include <jansson.h>

#include "base/arena.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "monitor/access.h"
#include "monitor/search.h"

#define SEEDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const int64_t NOW_US = INT64_C(1700000000000000);

static void run_search(struct str in)
{
    struct search_error error = { 0 };
    struct buf out AUTO_BUF;
    struct jsonw w;
    struct arena a;
    in.n = utf8_check(in); /* api_param takes neither other bytes nor NUL */
    in = str_cut(&in, '\0');
    arena_init(&a);
    buf_init(&out, 64 * 1024);
    const struct search *s = search_parse(in, NOW_US, &a, &error);
    if (s) {
        jw_begin(&w, &out);
        jw_object(&w);
        search_write_filter(s, &w);
        jw_object_end(&w);
        jw_end(&w);
        json_t *filter = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
        fuzz_expect(filter != NULL, "the filter is JSON and says each thing once");
        fuzz_expect(json_array_size(json_object_get(filter, "where")) <= 400,
                    "the contract takes the condition");
        json_decref(filter);
    } else {
        fuzz_expect(error.message && error.position <= in.n, "a mistake is shown");
    }
    arena_deinit(&a);
}

static struct access *rules(void)
{
    static struct access *a;
    const char *why;
    if (!a) {
        struct secret *pairs = secret_new(STR("ops:secret,eye:secret2:ro"));
        a = access_new(pairs, 1000, 1000, &why);
        secret_free(&pairs);
    }
    return a;
}

/* The clock runs, so that guesses are always allowed. */
static void run_access(struct str in)
{
    static int64_t now_ms;
    char name[ACCESS_NAME];
    bool busy;
    now_ms += 120 * 1000;
    access_basic(rules(), in, "192.0.2.1", now_ms, name, &busy);
    fuzz_expect(!access_find(rules(), in, now_ms), "no cookie is a session by chance");
    fuzz_expect(!access_same_origin(STR(""), in, STR("localhost:5555")) || in.n == 0 ||
                    memmem(in.p, in.n, "://", 3),
                "another origin is not ours");
}

const struct fuzz_target FUZZ_TARGETS[] = {
    { "search", run_search,
      SEEDS("state:dead AND (to:ann OR -template:welcome)",
            "attempt:>2 age:<1h \"two words\"", "code:550..559 NOT user:7",
            "019ab6c2-d4f0-7cc1-8a5f-3b1e5d7a9c20") },
    { "access", run_access,
      SEEDS(
          "Basic b3BzOnNlY3JldA==", "a=b; quintet_monitor=abc; __Host-quintet_monitor=x",
          "http://localhost:5555") },
    { 0 },
};
