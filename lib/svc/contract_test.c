#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "svc/contract.h"
#include "svc/embed.h"

/* --- the files of this build ----------------------------------------------------------
 */

static int load(void **state)
{
    char *why = NULL;
    struct contract *c = contract_load(&why);
    if (!c)
        print_error("%s\n", why);
    free(why);
    *state = c;
    return c ? 0 : -1;
}

static int unload(void **state)
{
    struct contract *c = *state;
    contract_free(&c);
    assert_null(c);
    return 0;
}

static void test_methods_are_found(void **state)
{
    const struct contract *c = *state;
    size_t n;
    const struct contract_method *all = contract_methods(c, &n);
    assert_true(n > 20);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(contract_by_name(c, all[i].name), &all[i]);
        assert_true(i == 0 || all[i - 1].number < all[i].number);
    }
    assert_null(contract_by_name(c, "catalog.product"));
}

static void test_fields_are_read(void **state)
{
    const struct contract *c = *state;
    const struct contract_method *m = contract_by_name(c, "auth.register");
    assert_int_equal(m->number, 101);
    assert_string_equal(m->service, "auth");
    assert_string_equal(m->verb, "POST");
    assert_string_equal(m->path, "/api/auth/register");
    assert_int_equal(m->success, 201);
    assert_int_equal(m->auth, AUTH_NONE);
    assert_int_equal(m->retry, RETRY_WITH_KEY);
    assert_int_equal(m->timeout_ms, 10000);
    assert_string_equal(m->rate, "register");
    assert_true(m->mail_bound);
    assert_false(m->bulk || m->local || m->ignore_authorization);
    assert_int_equal(m->headers, WANT_IDEMPOTENCY_KEY | WANT_USER_AGENT);
    assert_non_null(m->body);
    assert_non_null(m->response);
    assert_null(m->query);
    assert_null(m->produces);
    m = contract_by_name(c, "catalog.product.patch");
    assert_int_equal(m->nparams, 1);
    assert_int_equal(m->auth, AUTH_USER);
    assert_int_equal(m->retry, RETRY_NEVER);
    assert_string_equal(contract_by_name(c, "auth.verify_email_page")->produces,
                        "text/html");
    assert_true(contract_by_name(c, "gateway.health")->local);
    assert_null(contract_by_name(c, "auth.events.pull")->verb);
}

static void test_peers(void **state)
{
    const struct contract *c = *state;
    const struct contract_method *m = contract_by_name(c, "auth.events.pull");
    assert_true(contract_peer_allowed(m, "mailer"));
    assert_true(contract_peer_allowed(m, "auth")); /* its own verb `call` */
    assert_false(contract_peer_allowed(m, "stranger"));
    assert_false(contract_peer_allowed(m, ""));
    m = contract_by_name(c, "control.drain");
    assert_true(contract_peer_allowed(m, "monitor"));
    assert_false(contract_peer_allowed(m, "gateway"));
}

static void test_files(void **state)
{
    (void)state;
    assert_true(contract_file("errors.json").n > 100);
    assert_null(contract_file("nothing.json").p);
}

static void test_routes(void **state)
{
    static const struct {
        const char *verb, *path, *method, *param, *allow;
    } cases[] = {
        { "GET", "/api/products", "catalog.product.list", NULL,
          "GET, POST, HEAD, OPTIONS" },
        { "POST", "/api/products/", "catalog.product.create", NULL,
          "GET, POST, HEAD, OPTIONS" },
        { "HEAD", "/api/products", "catalog.product.list", NULL,
          "GET, POST, HEAD, OPTIONS" },
        { "OPTIONS", "/api/products", NULL, NULL, "GET, POST, HEAD, OPTIONS" },
        { "FOO", "/api/products", NULL, NULL, "GET, POST, HEAD, OPTIONS" },
        { "get", "/api/products", NULL, NULL, "GET, POST, HEAD, OPTIONS" },
        { "GET", "/api/products/17", "catalog.product.show", "17",
          "GET, PUT, PATCH, DELETE, HEAD, OPTIONS" },
        { "PATCH", "/api/products/a%20b/", "catalog.product.patch", "a%20b",
          "GET, PUT, PATCH, DELETE, HEAD, OPTIONS" },
        { "POST", "/api/products/17", NULL, "17",
          "GET, PUT, PATCH, DELETE, HEAD, OPTIONS" },
        { "POST", "/api/auth/login", "auth.login", NULL, "POST, OPTIONS" },
        { "GET", "/health", "gateway.health", NULL, "GET, HEAD, OPTIONS" },
        { "GET", "/.well-known/jwks.json", "auth.jwks", NULL, "GET, HEAD, OPTIONS" },
    };
    const struct contract *c = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct route_match m;
        print_message("%s %s\n", cases[i].verb, cases[i].path);
        assert_true(contract_route(c, str_of(cases[i].verb), str_of(cases[i].path), &m));
        assert_string_equal(m.method ? m.method->name : "",
                            cases[i].method ? cases[i].method : "");
        assert_string_equal(m.allow, cases[i].allow);
        assert_non_null(m.any);
        assert_int_equal(m.nparams, cases[i].param != NULL);
        if (cases[i].param)
            assert_true(str_eq(m.params[0], str_of(cases[i].param)));
    }
}

static void test_no_route(void **state)
{
    static const char *const paths[] = {
        "",
        "/",
        "//",
        "api/products",
        "/api",
        "/api/product",
        "/api/products2",
        "/api/products//",
        "//api/products",
        "/api//products",
        "/api/products/1/2",
        "/api/products/1//",
        "/API/products",
        "/a/b/c/d/e/f/g/h/i/j",
        "/health/x",
    };
    const struct contract *c = *state;
    struct route_match m;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        print_message("%s\n", paths[i]);
        assert_false(contract_route(c, STR("GET"), str_of(paths[i]), &m));
    }
}

/* --- wrong files
 * ------------------------------------------------------------------------ */

#define ERRORS "{\"errors\":[{\"code\":\"invalid\"}]}"
#define FILE_OF(methods)                                                                 \
    "{\"service\":\"s\",\"numbers\":[10,19],\"types\":{},"                               \
    "\"methods\":[" methods "],\"events\":[{\"type\":\"e\",\"version\":1,"               \
    "\"stream\":\"s\",\"payload\":{\"type\":\"object\"}}]}"
#define METHOD(number, name, more)                                                       \
    "{\"number\":" #number ",\"name\":\"" name "\",\"summary\":\"x\",\"auth\":\"none\"," \
    "\"timeout_ms\":1000,\"retry\":\"safe\",\"peers\":[],\"examples\":[{}]" more "}"
#define HTTP(verb, path)                                                                 \
    ",\"rate\":\"read\",\"http\":{\"verb\":\"" verb "\",\"path\":\"" path                \
    "\",\"success\":200}"

static struct contract *load_text(const char *text, char **ret_why)
{
    const struct embed_file set[] = {
        { "errors.json", ERRORS, strlen(ERRORS) },
        { "s.json", text, strlen(text) },
        { 0 },
    };
    return contract_load_set(set, ret_why);
}

static void test_small_file_is_good(void **state)
{
    char *why = NULL;
    (void)state;
    struct contract *c = load_text(
        FILE_OF(METHOD(
            10, "s.a",
            HTTP("GET",
                 "/a/{x}/b") ",\"params\":{\"x\":{\"type\":"
                             "\"string\"}},\"errors\":["
                             "\"invalid\"],\"emits\":[\"e\"]") "," METHOD(11, "s.b",
                                                                          HTTP("GET",
                                                                               "/a/c"))),
        &why);
    assert_null(why);
    assert_non_null(c);
    struct route_match m;
    assert_true(contract_route(c, STR("GET"), STR("/a/c/b"), &m)); /* steps back from c */
    assert_string_equal(m.method->name, "s.a");
    assert_true(str_eq(m.params[0], STR("c")));
    assert_false(contract_route(c, STR("GET"), STR("/a/x"), &m));
    contract_free(&c);
}

static void test_wrong_files(void **state)
{
    static const struct {
        const char *name, *text, *why;
    } cases[] = {
        { "no JSON", "{", "s.json: line 1" },
        { "twice the same member", "{\"service\":\"s\",\"service\":\"s\"}", "duplicate" },
        { "no service", "{\"numbers\":[1,2]}", "service" },
        { "unknown key of the file", "{\"service\":\"s\",\"numbers\":[1,2],\"x\":1}",
          "unknown key \"x\"" },
        { "no method", FILE_OF(""), "no file holds a method" },
        { "number outside", FILE_OF(METHOD(20, "s.a", "")), "outside the range" },
        { "same number", FILE_OF(METHOD(10, "s.a", "") "," METHOD(10, "s.b", "")),
          "same number" },
        { "same name", FILE_OF(METHOD(10, "s.a", "") "," METHOD(11, "s.a", "")),
          "two methods have the name s.a" },
        { "unknown key", FILE_OF(METHOD(10, "s.a", ",\"bluk\":true")), "\"bluk\"" },
        { "wrong type of a flag", FILE_OF(METHOD(10, "s.a", ",\"bulk\":1")), "\"bulk\"" },
        { "unknown error", FILE_OF(METHOD(10, "s.a", ",\"errors\":[\"nope\"]")),
          "\"nope\" is an unknown error" },
        { "unknown event", FILE_OF(METHOD(10, "s.a", ",\"emits\":[\"nope\"]")),
          "\"nope\" is no event" },
        { "unknown header", FILE_OF(METHOD(10, "s.a", ",\"headers\":[\"Cookie\"]")),
          "\"headers\"" },
        { "no rate",
          FILE_OF(METHOD(10, "s.a",
                         ",\"http\":{\"verb\":\"GET\",\"path\":"
                         "\"/a\",\"success\":200}")),
          "\"rate\" is missing" },
        { "bad verb", FILE_OF(METHOD(10, "s.a", HTTP("FETCH", "/a"))), "unknown verb" },
        { "bad path", FILE_OF(METHOD(10, "s.a", HTTP("GET", "a"))), "bad path" },
        { "same route",
          FILE_OF(METHOD(10, "s.a", HTTP("GET", "/a")) "," METHOD(11, "s.b",
                                                                  HTTP("GET", "/a"))),
          "belongs to s.a already" },
        { "parameter not described", FILE_OF(METHOD(10, "s.a", HTTP("GET", "/a/{x}"))),
          "\"params\" is missing" },
        { "parameter not in the path",
          FILE_OF(METHOD(10, "s.a",
                         HTTP("GET", "/a/{x}") ",\"params\":{\"y\":{\"type\":"
                                               "\"string\"}}")),
          "\"y\" is a parameter that the path lacks" },
        { "unknown keyword in a schema",
          FILE_OF(METHOD(10, "s.a", ",\"body\":{\"type\":\"object\",\"oneOf\":[]}")),
          "unknown keyword \"oneOf\"" },
        { "reference to nothing",
          FILE_OF(METHOD(10, "s.a", ",\"body\":{\"$ref\":\"#/types/x\"}")),
          "leads nowhere" },
        { "no examples",
          FILE_OF("{\"number\":10,\"name\":\"s.a\",\"summary\":\"x\",\"auth\":\"none\","
                  "\"timeout_ms\":1,\"retry\":\"safe\",\"peers\":[]}"),
          "\"examples\" is missing" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *why = NULL;
        struct contract *c = load_text(cases[i].text, &why);
        print_message("%s: %s\n", cases[i].name, why ? why : "accepted");
        assert_null(c);
        assert_non_null(why);
        assert_non_null(strstr(why, cases[i].why));
        free(why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods_are_found),
        cmocka_unit_test(test_fields_are_read),
        cmocka_unit_test(test_peers),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_no_route),
        cmocka_unit_test(test_small_file_is_good),
        cmocka_unit_test(test_wrong_files),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
