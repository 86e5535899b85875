#include "svc/keys_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/id.h"
#include "base/mem.h"
#include "svc/exit.h"

enum { SECRET_MODE = 0600, PUBLIC_MODE = 0644 };

static const struct owner {
    const char *service;
    bool db;
} OWNERS[] = {
    { "gateway", false }, { "auth", true },    { "catalog", true },
    { "mailer", true },   { "monitor", true },
};

/* ---- files ---- */

static bool complain(const char *what, const char *path)
{
    fprintf(stderr, "keygen: cannot %s %s: %s\n", what, path, strerror(errno));
    return false;
}

static bool make_dir(const char *path, mode_t mode)
{
    if (mkdir(path, mode) == 0)
        return chmod(path, mode) == 0 || complain("set the mode of", path);
    return errno == EEXIST || complain("create", path);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool write_all(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = (struct str){ bytes.p + n, bytes.n - (size_t)n };
    }
    return true;
}

/* Never over a file that another run has just made; file systems without that promise
 * get a plain rename. */
static bool move_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 || errno == EEXIST)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    return exists(to) || rename(from, to) == 0;
}

static bool move_over(const char *from, const char *to)
{
    return rename(from, to) == 0;
}

typedef bool move_fn(const char *from, const char *to);

/* Complete or not there at all: written beside its place, then moved there. */
static bool write_file_by(move_fn *move, const char *path, mode_t mode, struct str bytes)
{
    uint8_t random[6];
    char suffix[2 * sizeof random + 1];
    id_random(random, sizeof random);
    AUTO_FREE char *temporary =
        xasprintf("%s.%s.new", path, hex_encode(random, sizeof random, suffix));
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, SECRET_MODE);
    if (fd < 0)
        return complain("create", temporary);
    bool fine = write_all(fd, bytes) && fchmod(fd, mode) == 0 && fsync(fd) == 0;
    fine = close(fd) == 0 && fine;
    if (fine && move(temporary, path)) {
        unlink(temporary); /* still there when somebody was faster */
        printf("%s %s\n", move == move_over ? "replaced" : "created", path);
        return true;
    }
    complain("write", path);
    unlink(temporary);
    return false;
}

static bool write_file(const char *path, mode_t mode, struct str bytes)
{
    return write_file_by(move_new, path, mode, bytes);
}

/* ---- CURVE pairs ---- */

static bool write_pair(const char *path, const char *name)
{
    char public[KEYS_Z85_SIZE], secret[KEYS_Z85_SIZE];
    if (zmq_curve_keypair(public, secret) != 0)
        return complain("make a key for", path);
    AUTO_FREE char *text = xasprintf("#   ZeroMQ CURVE secret certificate: keep it to "
                                     "its owner\nmetadata\n    name = \"%s\"\ncurve\n"
                                     "    public-key = \"%s\"\n    secret-key = \"%s\"\n",
                                     name, public, secret);
    bool fine = write_file(path, SECRET_MODE, str_of(text));
    explicit_bzero(text, strlen(text));
    explicit_bzero(secret, sizeof secret);
    return fine;
}

static bool cert_present(const char *public_dir, const char *name, const char *key)
{
    size_t n;
    struct timespec modified;
    bool found = false;
    AUTO_FREE struct key_cert *certs = key_certs_read(public_dir, &n, &modified);
    for (size_t i = 0; i < n; i++)
        found |= strcmp(certs[i].name, name) == 0 && strcmp(certs[i].key, key) == 0;
    return found;
}

/* A run killed between the two halves left a secret without its certificate: this makes
 * it good, because the public half can always be derived. */
static bool publish(const char *public_dir, const char *name, const char *secret_path,
                    bool client_only)
{
    char key[KEYS_Z85_SIZE], tag[9];
    const char *why = "";
    struct secret *pair = key_pair_read(secret_path, key, &why);
    if (!pair) {
        fprintf(stderr, "keygen: %s is not usable: %s\n", secret_path, why);
        return false;
    }
    secret_free(&pair);
    if (cert_present(public_dir, name, key))
        return true;
    uint8_t random[4];
    id_random(random, sizeof random);
    AUTO_FREE char *path = xasprintf("%s/%s-%s.cert", public_dir, name,
                                     hex_encode(random, sizeof random, tag));
    AUTO_FREE char *text =
        xasprintf("#   ZeroMQ CURVE public certificate\nmetadata\n"
                  "    name = \"%s\"\n%scurve\n    public-key = \"%s\"\n",
                  name, client_only ? "    use = \"client\"\n" : "", key);
    return write_file(path, PUBLIC_MODE, str_of(text));
}

/* ---- other secrets ---- */

static bool write_hex(const char *path, mode_t mode, const uint8_t bytes[static 32])
{
    char text[2 * 32 + 2];
    hex_encode(bytes, 32, text);
    text[64] = '\n';
    bool fine = write_file(path, mode, (struct str){ text, 65 });
    explicit_bzero(text, sizeof text);
    return fine;
}

static bool ensure_hex_secret(const char *dir, const char *name)
{
    uint8_t bytes[32];
    AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
    if (exists(path))
        return true;
    id_random(bytes, sizeof bytes);
    bool fine = write_hex(path, SECRET_MODE, bytes);
    explicit_bzero(bytes, sizeof bytes);
    return fine;
}

static bool ensure_password(const char *path)
{
    uint8_t bytes[32];
    char text[B64URL_SIZE(32) + 1];
    if (exists(path))
        return true;
    id_random(bytes, sizeof bytes);
    size_t n = b64url_encode(bytes, sizeof bytes, text);
    text[n] = '\n';
    bool fine = write_file(path, SECRET_MODE, (struct str){ text, n + 1 });
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(text, sizeof text);
    return fine;
}

static bool file_holds(const char *path, struct str secret)
{
    const char *why;
    struct secret *there = exists(path) ? secret_read(path, &why) : NULL;
    bool same = there && str_eq(secret_expose(there), secret);
    secret_free(&there);
    return same;
}

/* The mailer's sealing pair (X25519): the public half follows from the secret one. */
static bool ensure_seal(const char *dir, const char *public_dir)
{
    uint8_t secret[32], public[32];
    const char *why = "";
    if (!ensure_hex_secret(dir, "seal.key"))
        return false;
    AUTO_FREE char *public_path = xasprintf("%s/mailer.seal.pub", public_dir);
    if (exists(public_path))
        return true;
    AUTO_FREE char *path = xasprintf("%s/seal.key", dir);
    struct secret *file = secret_read(path, &why);
    bool fine = file && hex_decode(secret_expose(file), secret, sizeof secret) &&
                crypto_scalarmult_base(public, secret) == 0;
    secret_free(&file);
    explicit_bzero(secret, sizeof secret);
    if (!fine)
        fprintf(stderr, "keygen: %s is not usable: %s\n", path,
                *why ? why : "not 64 hex");
    return fine && write_hex(public_path, PUBLIC_MODE, public);
}

/* ---- the verbs ---- */

static bool ensure_owner(const char *root, const char *public_dir, const struct owner *o)
{
    AUTO_FREE char *dir = xasprintf("%s/keys-%s", root, o->service);
    AUTO_FREE char *pair = xasprintf("%s/curve.key_secret", dir);
    if (!make_dir(dir, 0700))
        return false;
    if (!exists(pair) && !write_pair(pair, o->service))
        return false;
    if (!publish(public_dir, o->service, pair, false))
        return false;
    AUTO_FREE char *password = xasprintf("%s/db.password", dir);
    if (o->db && !ensure_password(password))
        return false;
    if (strcmp(o->service, "auth") == 0)
        return ensure_hex_secret(dir, "master.key");
    return strcmp(o->service, "mailer") != 0 || ensure_seal(dir, public_dir);
}

int keys_generate(const char *root)
{
    if (sodium_init() < 0)
        return EXIT_BUG;
    AUTO_FREE char *public_dir = xasprintf("%s/keys-public", root);
    if (!make_dir(root, 0755) || !make_dir(public_dir, 0755))
        return EXIT_CANNOT_CREATE;
    for (size_t i = 0; i < ARRAY_LEN(OWNERS); i++)
        if (!ensure_owner(root, public_dir, &OWNERS[i]))
            return EXIT_CANNOT_CREATE;
    return 0;
}

int keys_postgres_password(const char *path, const struct secret *wanted)
{
    struct str text = secret_expose(wanted);
    if (sodium_init() < 0)
        return EXIT_BUG;
    if (!wanted)
        return ensure_password(path) ? 0 : EXIT_CANNOT_CREATE;
    if (file_holds(path, text))
        return 0;
    move_fn *move = exists(path) ? move_over : move_new;
    return write_file_by(move, path, SECRET_MODE, text) ? 0 : EXIT_CANNOT_CREATE;
}

int keys_generate_client(const char *root, const char *name, const char *out_dir)
{
    if (!key_name_fine(str_of(name))) {
        fprintf(stderr, "keygen: a name has 1 to %d of a-z, 0-9 and '-': %s\n",
                KEYS_NAME_MAX, name);
        return EXIT_USAGE;
    }
    AUTO_FREE char *public_dir = xasprintf("%s/keys-public", root);
    AUTO_FREE char *pair = xasprintf("%s/%s.key_secret", out_dir, name);
    if (!exists(public_dir)) {
        complain("find", public_dir);
        return EXIT_CONFIG;
    }
    if (!make_dir(out_dir, 0700))
        return EXIT_CANNOT_CREATE;
    if (!exists(pair) && !write_pair(pair, name))
        return EXIT_CANNOT_CREATE;
    return publish(public_dir, name, pair, true) ? 0 : EXIT_CANNOT_CREATE;
}
