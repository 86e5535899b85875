#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <czmq.h>
#include <dirent.h>
#include <ftw.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/keys_private.h"

/* ---- scratch directories ---- */

static char root[64], elsewhere[64];

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

/* The verb talks on stdout, the test's report goes there too. */
static int quiet_generate(const char *where, const char *client, const char *out)
{
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    int rc = client ? keys_generate_client(where, client, out) : keys_generate(where);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(null);
    return rc;
}

static int make_roots(void **state)
{
    (void)state;
    strcpy(root, "/tmp/quintet-test-XXXXXX");
    strcpy(elsewhere, "/tmp/quintet-test-XXXXXX");
    assert_non_null(mkdtemp(root));
    assert_non_null(mkdtemp(elsewhere));
    assert_int_equal(quiet_generate(root, NULL, NULL), 0);
    assert_int_equal(quiet_generate(elsewhere, NULL, NULL), 0);
    return 0;
}

static int remove_roots(void **state)
{
    (void)state;
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    nftw(elsewhere, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static const char *in_root(const char *path)
{
    static char full[256];
    snprintf(full, sizeof full, "%s/%s", root, path);
    return full;
}

static struct keys *open_keys(const char *at, const char *service, unsigned faults)
{
    char own[128], public[128];
    snprintf(own, sizeof own, "%s/keys-%s", at, service);
    snprintf(public, sizeof public, "%s/keys-public", root);
    return keys_open_with(service, own, public, faults);
}

/* ---- generating ---- */

struct expected {
    const char *path;
    mode_t mode;
    off_t size; /* 0: any */
};

static const struct expected EXPECTED[] = {
    { "keys-gateway", S_IFDIR | 0700, 0 },
    { "keys-auth", S_IFDIR | 0700, 0 },
    { "keys-public", S_IFDIR | 0755, 0 },
    { "keys-gateway/curve.key_secret", S_IFREG | 0600, 0 },
    { "keys-auth/curve.key_secret", S_IFREG | 0600, 0 },
    { "keys-auth/master.key", S_IFREG | 0600, 65 },
    { "keys-auth/db.password", S_IFREG | 0600, 44 },
    { "keys-catalog/db.password", S_IFREG | 0600, 44 },
    { "keys-mailer/db.password", S_IFREG | 0600, 44 },
    { "keys-monitor/db.password", S_IFREG | 0600, 44 },
    { "keys-mailer/seal.key", S_IFREG | 0600, 65 },
    { "keys-public/mailer.seal.pub", S_IFREG | 0644, 65 },
};

static unsigned count_files(const char *dir, const char *suffix)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        size_t len = strlen(e->d_name), tail = strlen(suffix);
        n += len >= tail && strcmp(e->d_name + len - tail, suffix) == 0;
    }
    closedir(d);
    return n;
}

static void test_generate_layout(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(EXPECTED); i++) {
        struct stat st;
        const struct expected *e = &EXPECTED[i];
        if (stat(in_root(e->path), &st) != 0)
            fail_msg("%s is missing", e->path);
        if (st.st_mode != e->mode)
            fail_msg("%s has mode %o", e->path, st.st_mode);
        if (e->size && st.st_size != e->size)
            fail_msg("%s has %ld bytes", e->path, (long)st.st_size);
    }
    assert_int_equal(access(in_root("keys-gateway/db.password"), F_OK), -1);
    assert_int_equal(access(in_root("keys-gateway/master.key"), F_OK), -1);
    assert_int_equal(count_files(in_root("keys-public"), ".cert"), 5);
    assert_int_equal(count_files(in_root("keys-public"), ".new"), 0);
}

static void test_generate_is_mode_safe(void **state)
{
    (void)state;
    struct stat st;
    mode_t old = umask(0);
    assert_int_equal(unlink(in_root("keys-auth/master.key")), 0);
    assert_int_equal(quiet_generate(root, NULL, NULL), 0);
    umask(0777);
    assert_int_equal(unlink(in_root("keys-auth/db.password")), 0);
    assert_int_equal(quiet_generate(root, NULL, NULL), 0);
    umask(old);
    assert_int_equal(stat(in_root("keys-auth/master.key"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(in_root("keys-auth/db.password"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static char *slurp(const char *path)
{
    char *text = xcalloc(1, 4096);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_true(fread(text, 1, 4095, f) > 0);
    fclose(f);
    return text;
}

static void test_generate_again_changes_nothing(void **state)
{
    (void)state;
    static const char *const FILES[] = { "keys-auth/curve.key_secret",
                                         "keys-auth/master.key", "keys-auth/db.password",
                                         "keys-mailer/seal.key",
                                         "keys-public/mailer.seal.pub" };
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
        AUTO_FREE char *before = slurp(in_root(FILES[i]));
        assert_int_equal(quiet_generate(root, NULL, NULL), 0);
        AUTO_FREE char *after = slurp(in_root(FILES[i]));
        assert_string_equal(before, after);
    }
    assert_int_equal(count_files(in_root("keys-public"), ".cert"), 5);
}

static void test_generate_completes_a_killed_run(void **state)
{
    (void)state;
    AUTO_FREE char *remove_all = xasprintf("rm %s/keys-public/*", root);
    AUTO_FREE char *before = slurp(in_root("keys-public/mailer.seal.pub"));
    assert_int_equal(system(remove_all), 0);
    assert_int_equal(quiet_generate(root, NULL, NULL), 0);
    assert_int_equal(count_files(in_root("keys-public"), ".cert"), 5);
    AUTO_FREE char *after = slurp(in_root("keys-public/mailer.seal.pub"));
    assert_string_equal(before, after);
}

static void test_seal_pair_works(void **state)
{
    (void)state;
    uint8_t pk[32], sk[32], sealed[crypto_box_SEALBYTES + 5], opened[5];
    AUTO_FREE char *public = slurp(in_root("keys-public/mailer.seal.pub"));
    AUTO_FREE char *secret = slurp(in_root("keys-mailer/seal.key"));
    assert_true(hex_decode((struct str){ public, 64 }, pk, 32));
    assert_true(hex_decode((struct str){ secret, 64 }, sk, 32));
    assert_int_equal(crypto_box_seal(sealed, (const uint8_t *)"hello", 5, pk), 0);
    assert_int_equal(crypto_box_seal_open(opened, sealed, sizeof sealed, pk, sk), 0);
    assert_memory_equal(opened, "hello", 5);
}

static void test_client_key(void **state)
{
    (void)state;
    AUTO_FREE char *out = xasprintf("%s/my", root);
    assert_int_equal(quiet_generate(root, "gateway", out), 0);
    assert_int_equal(count_files(in_root("keys-public"), ".cert"), 6);
    assert_int_equal(access(in_root("my/gateway.key_secret"), F_OK), 0);
    assert_int_equal(quiet_generate(root, "../x", out), 64);
    assert_int_equal(quiet_generate(in_root("nowhere"), "gateway", out), 78);
}

static int quiet_password(const char *path, const struct secret *wanted)
{
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    int rc = keys_postgres_password(path, wanted);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(null);
    return rc;
}

static void test_postgres_password(void **state)
{
    (void)state;
    struct stat st;
    struct secret *wanted = secret_new(STR("django_pass"));
    AUTO_FREE char *path = xasprintf("%s/password", root);
    AUTO_FREE char *nowhere = xasprintf("%s/nowhere/password", root);
    assert_int_equal(quiet_password(path, NULL), 0);
    AUTO_FREE char *made = slurp(path);
    assert_int_equal(strlen(made), 44);
    assert_int_equal(quiet_password(path, NULL), 0);
    AUTO_FREE char *kept = slurp(path);
    assert_string_equal(made, kept);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(quiet_password(path, wanted), 0);
        AUTO_FREE char *given = slurp(path);
        assert_string_equal(given, "django_pass");
    }
    assert_int_equal(quiet_password(path, NULL), 0);
    AUTO_FREE char *still = slurp(path);
    assert_string_equal(still, "django_pass");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(count_files(root, ".new"), 0);
    assert_int_equal(quiet_password(nowhere, wanted), 73);
    secret_free(&wanted);
}

/* ---- opening ---- */

static void test_bad_pairs_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        mode_t mode;
    } CASES[] = {
        { "empty", "", 0600 },
        { "no key", "metadata\n    name = \"auth\"\n", 0600 },
        { "short key", "curve\n    public-key = \"abc\"\n    secret-key = \"abc\"\n",
          0600 },
        { "halves do not match",
          "curve\n    public-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n"
          "    secret-key = \"D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs\"\n",
          0600 },
    };
    AUTO_FREE char *path = xstrdup(in_root("keys-auth/curve.key_secret"));
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(CASES[i].text, f);
        fclose(f);
        assert_int_equal(chmod(path, CASES[i].mode), 0);
        struct keys *k = open_keys(root, "auth", KEYS_FAULT_NO_HANDLER);
        if (k)
            fail_msg("%s was accepted", CASES[i].name);
    }
    assert_int_equal(unlink(path), 0);
    assert_null(open_keys(root, "auth", KEYS_FAULT_NO_HANDLER));
}

static void test_readable_by_all_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(in_root("keys-auth/curve.key_secret"), 0644), 0);
    assert_null(open_keys(root, "auth", KEYS_FAULT_NO_HANDLER));
}

static void test_secrets_and_public_files(void **state)
{
    (void)state;
    const char *why = NULL;
    size_t n = 0;
    struct keys *k = open_keys(root, "auth", KEYS_FAULT_NO_HANDLER);
    struct secret *s = keys_secret(k, "db.password", &why);
    assert_non_null(s);
    assert_int_equal(secret_expose(s).n, 43);
    secret_free(&s);
    assert_null(keys_secret(k, "seal.key", &why));
    assert_non_null(why);
    AUTO_FREE char *seal = keys_public_file(k, "mailer.seal.pub", &n);
    assert_non_null(seal);
    assert_int_equal(n, 65);
    assert_null(keys_public_file(k, "absent", &n));
    keys_close(&k);
}

/* ---- the allow-list ---- */

static void public_key_of(const char *at, const char *service, char out[KEYS_Z85_SIZE])
{
    const char *why;
    AUTO_FREE char *path = xasprintf("%s/keys-%s/curve.key_secret", at, service);
    struct secret *s = key_pair_read(path, out, &why);
    assert_non_null(s);
    secret_free(&s);
}

static void test_allowed(void **state)
{
    (void)state;
    char gateway[KEYS_Z85_SIZE], mailer[KEYS_Z85_SIZE], stranger[KEYS_Z85_SIZE];
    public_key_of(root, "gateway", gateway);
    public_key_of(root, "mailer", mailer);
    public_key_of(elsewhere, "gateway", stranger);
    const struct {
        const char *what, *name, *key;
        bool want;
    } cases[] = {
        { "name and key", "gateway", gateway, true },
        { "another's key", "gateway", mailer, false },
        { "another's name", "mailer", gateway, false },
        { "a key that nobody published", "gateway", stranger, false },
        { "no name", NULL, gateway, false },
        { "no key", "gateway", NULL, false },
        { "empty", "", "", false },
    };
    struct keys *k = open_keys(root, "auth", KEYS_FAULT_NO_HANDLER);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (keys_allowed(k, cases[i].name, cases[i].key) != cases[i].want)
            fail_msg("%s", cases[i].what);
    keys_close(&k);
}

/* Polls until the answer is `want`; false after three seconds. */
static bool becomes(struct keys *k, const char *name, const char *key, bool want)
{
    int64_t start = clock_mono_ms();
    while (keys_allowed(k, name, key) != want) {
        if (clock_mono_ms() - start > 3000)
            return false;
        usleep(1000);
    }
    return true;
}

static void test_allowed_follows_the_directory(void **state)
{
    (void)state;
    char key[KEYS_Z85_SIZE];
    const char *why;
    AUTO_FREE char *out = xasprintf("%s/my", elsewhere);
    AUTO_FREE char *pair = xasprintf("%s/mailer.key_secret", out);
    struct keys *k = open_keys(root, "auth", KEYS_FAULT_NO_HANDLER);
    assert_int_equal(quiet_generate(elsewhere, "mailer", out), 0);
    struct secret *s = key_pair_read(pair, key, &why);
    secret_free(&s);
    assert_false(keys_allowed(k, "mailer", key));
    AUTO_FREE char *copy =
        xasprintf("cp %s/keys-public/mailer-*.cert %s/keys-public", elsewhere, root);
    assert_int_equal(system(copy), 0);
    assert_true(becomes(k, "mailer", key, true));
    AUTO_FREE char *clear = xasprintf("rm %s/keys-public/*.cert", root);
    assert_int_equal(system(clear), 0);
    assert_true(becomes(k, "mailer", key, false));
    keys_close(&k);
}

static void test_certificates_parse(void **state)
{
    (void)state;
#define KEY "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
    static const struct {
        const char *text;
        bool want;
    } CASES[] = {
        { "metadata\n    name = \"auth\"\ncurve\n    public-key = \"" KEY "\"\n", true },
        { "curve\n    public-key = \"" KEY "\"\nmetadata\n    name = 'auth'", true },
        { "curve\n    public-key = \"" KEY "\"\n", false },
        { "metadata\n    name = \"auth\"\n", false },
        { "    name = \"Auth\"\n    public-key = \"" KEY "\"\n", false },
        { "    name = \"\"\n    public-key = \"" KEY "\"\n", false },
        { "    name = \"auth\"\n    public-key = \"" KEY "x\"\n", false },
        { "    name = \"auth\"\n    public-key = "
          "\"~~e@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hI\"",
          false },
        { "", false },
        { "=\n=\n\n", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct key_cert cert;
        if (key_cert_parse(str_of(CASES[i].text), &cert) != CASES[i].want)
            fail_msg("case %zu", i);
    }
}

/* ---- CURVE: who is served, on real sockets ---- */

enum verdict { SERVED, REFUSED };

struct rule {
    const char *name;
    unsigned server_faults;
    const char *client_root; /* NULL: no CURVE at all */
    enum verdict want;
};

/* Echoes until the client heard it, was refused, or two seconds are over. */
static enum verdict try_client(void *server, void *client, void *events)
{
    enum { PATIENCE_MS = 2000 };
    int64_t start = clock_mono_ms();
    char bytes[256];
    zmq_send(client, "hi", 2, 0);
    while (clock_mono_ms() - start < PATIENCE_MS) {
        zmq_pollitem_t items[] = { { server, 0, ZMQ_POLLIN, 0 },
                                   { client, 0, ZMQ_POLLIN, 0 },
                                   { events, 0, ZMQ_POLLIN, 0 } };
        zmq_poll(items, 3, 50);
        if (items[0].revents) {
            int n = zmq_recv(server, bytes, sizeof bytes, 0);
            zmq_send(server, bytes, (size_t)n, ZMQ_SNDMORE);
            zmq_recv(server, bytes, sizeof bytes, 0);
            zmq_send(server, "ho", 2, 0);
        }
        if (items[1].revents)
            return SERVED;
        if (items[2].revents)
            return REFUSED;
    }
    return REFUSED;
}

static void *plain_dealer(zsock_t **ret)
{
    *ret = zsock_new(ZMQ_DEALER);
    return zsock_resolve(*ret);
}

static void check_rule(const struct rule *rule)
{
    char endpoint[128];
    size_t size = sizeof endpoint;
    zsock_t *plain = NULL, *events = zsock_new(ZMQ_PAIR);
    struct keys *server_keys = open_keys(root, "auth", rule->server_faults);
    struct keys *client_keys = open_keys(rule->client_root ? rule->client_root : root,
                                         "gateway", KEYS_FAULT_NO_HANDLER);
    void *server = keys_server_socket(server_keys, ZMQ_ROUTER);
    void *client = rule->client_root ? keys_client_socket(client_keys, ZMQ_DEALER, "auth")
                                     : plain_dealer(&plain);
    zmq_setsockopt(client, ZMQ_IMMEDIATE, &(int){ 0 }, sizeof(int));
    assert_int_equal(zmq_bind(server, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    zmq_socket_monitor(client, "inproc://verdict",
                       ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                           ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL);
    assert_int_equal(zmq_connect(zsock_resolve(events), "inproc://verdict"), 0);
    assert_int_equal(zmq_connect(client, endpoint), 0);
    enum verdict got = try_client(server, client, zsock_resolve(events));
    zmq_socket_monitor(client, NULL, 0);
    zsock_destroy(&events);
    zsock_destroy(&plain);
    keys_close(&client_keys);
    keys_close(&server_keys);
    if (got != rule->want)
        fail_msg("%s: %s", rule->name, got == SERVED ? "served" : "refused");
}

static void test_curve_rules(void **state)
{
    (void)state;
    const struct rule rules[] = {
        { "an allowed key", KEYS_FAULT_NONE, root, SERVED },
        { "no key", KEYS_FAULT_NONE, NULL, REFUSED },
        { "an unknown key", KEYS_FAULT_NONE, elsewhere, REFUSED },
        { "no key, no handler", KEYS_FAULT_NO_HANDLER, NULL, REFUSED },
        { "an unknown key, no handler", KEYS_FAULT_NO_HANDLER, elsewhere, REFUSED },
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        check_rule(&rules[i]);
}

/* The rules above must be able to fail: with the faults planted they do. */
static void test_planted_faults_show(void **state)
{
    (void)state;
    const struct rule rules[] = {
        { "handler off: an allowed key is refused", KEYS_FAULT_NO_HANDLER, root,
          REFUSED },
        { "handler and enforcement off: an unknown key is served",
          KEYS_FAULT_NO_HANDLER | KEYS_FAULT_NO_ENFORCE, elsewhere, SERVED },
        { "enforcement off, handler on: an unknown key is refused", KEYS_FAULT_NO_ENFORCE,
          elsewhere, REFUSED },
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        check_rule(&rules[i]);
}

static void test_wrong_server_key(void **state)
{
    (void)state;
    /* A server of another root: the right name, but not the key that we know. */
    char own[128], public[128], endpoint[128];
    size_t size = sizeof endpoint;
    snprintf(own, sizeof own, "%s/keys-auth", elsewhere);
    snprintf(public, sizeof public, "%s/keys-public", elsewhere);
    struct keys *impostor = keys_open("auth", own, public);
    struct keys *client_keys = open_keys(root, "gateway", KEYS_FAULT_NO_HANDLER);
    zsock_t *events = zsock_new(ZMQ_PAIR);
    void *server = keys_server_socket(impostor, ZMQ_ROUTER);
    void *client = keys_client_socket(client_keys, ZMQ_DEALER, "auth");
    zmq_setsockopt(client, ZMQ_IMMEDIATE, &(int){ 0 }, sizeof(int));
    assert_int_equal(zmq_bind(server, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(server, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    zmq_socket_monitor(client, "inproc://verdict",
                       ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED);
    assert_int_equal(zmq_connect(zsock_resolve(events), "inproc://verdict"), 0);
    assert_int_equal(zmq_connect(client, endpoint), 0);
    assert_int_equal(try_client(server, client, zsock_resolve(events)), REFUSED);
    zmq_socket_monitor(client, NULL, 0);
    zsock_destroy(&events);
    keys_close(&client_keys);
    keys_close(&impostor);
}

static void test_unknown_peer_has_no_socket(void **state)
{
    (void)state;
    struct keys *k = open_keys(root, "gateway", KEYS_FAULT_NO_HANDLER);
    assert_null(keys_client_socket(k, ZMQ_DEALER, "nobody"));
    keys_close(&k);
}

#define IN_ROOTS(test) cmocka_unit_test_setup_teardown(test, make_roots, remove_roots)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOTS(test_generate_layout),
        IN_ROOTS(test_generate_is_mode_safe),
        IN_ROOTS(test_generate_again_changes_nothing),
        IN_ROOTS(test_generate_completes_a_killed_run),
        IN_ROOTS(test_seal_pair_works),
        IN_ROOTS(test_postgres_password),
        IN_ROOTS(test_client_key),
        IN_ROOTS(test_bad_pairs_are_refused),
        IN_ROOTS(test_readable_by_all_is_refused),
        IN_ROOTS(test_secrets_and_public_files),
        IN_ROOTS(test_allowed),
        IN_ROOTS(test_allowed_follows_the_directory),
        cmocka_unit_test(test_certificates_parse),
        IN_ROOTS(test_curve_rules),
        IN_ROOTS(test_planted_faults_show),
        IN_ROOTS(test_wrong_server_key),
        IN_ROOTS(test_unknown_peer_has_no_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
