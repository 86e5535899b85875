#include "svc/keys_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/mem.h"

static struct str unquote(struct str s)
{
    if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
        return (struct str){ s.p + 1, s.n - 2 };
    return s;
}

bool key_cert_field(struct str text, const char *key, struct str *ret)
{
    while (text.n > 0) {
        struct str value = str_cut(&text, '\n');
        struct str name = str_trim(str_cut(&value, '='));
        if (value.p && str_eq(name, str_of(key))) {
            *ret = unquote(str_trim(value));
            return true;
        }
    }
    return false;
}

bool key_name_fine(struct str name)
{
    static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    for (size_t i = 0; i < name.n; i++)
        if (!memchr(ALPHABET, name.p[i], sizeof ALPHABET - 1))
            return false;
    return name.n > 0 && name.n <= KEYS_NAME_MAX;
}

static bool copy_z85(struct str s, char out[static KEYS_Z85_SIZE])
{
    uint8_t raw[32];
    char text[KEYS_Z85_SIZE] = { 0 };
    if (s.n != KEYS_Z85_SIZE - 1)
        return false;
    memcpy(text, s.p, s.n);
    if (!zmq_z85_decode(raw, text))
        return false;
    memcpy(out, text, sizeof text);
    return true;
}

bool key_cert_parse(struct str text, struct key_cert *ret)
{
    struct str name, key, use;
    if (!key_cert_field(text, "name", &name) || !key_name_fine(name))
        return false;
    if (!key_cert_field(text, "public-key", &key) || !copy_z85(key, ret->key))
        return false;
    memcpy(ret->name, name.p, name.n);
    ret->name[name.n] = '\0';
    ret->client_only = key_cert_field(text, "use", &use) && str_eq(use, STR("client"));
    return true;
}

/* One file of the directory, bounded. */
static bool read_cert(int dir, const char *name, struct key_cert *ret)
{
    char text[4096];
    struct stat st;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    bool fine = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    ssize_t n = fine ? read(fd, text, sizeof text) : -1;
    close(fd);
    if (n <= 0 || (size_t)n == sizeof text)
        return false;
    ret->modified = st.st_mtim;
    return key_cert_parse((struct str){ text, (size_t)n }, ret);
}

static bool is_cert(const char *name)
{
    struct str s = str_of(name);
    return s.n > 5 && name[0] != '.' && strcmp(name + s.n - 5, ".cert") == 0;
}

struct key_cert *key_certs_read(const char *path, size_t *ret_n,
                                struct timespec *ret_modified)
{
    struct key_cert *certs = NULL;
    size_t n = 0;
    struct stat st;
    *ret_n = 0;
    DIR *dir = opendir(path);
    if (!dir)
        return NULL;
    if (fstat(dirfd(dir), &st) == 0)
        *ret_modified = st.st_mtim;
    for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        struct key_cert cert = { 0 };
        if (!is_cert(e->d_name) || !read_cert(dirfd(dir), e->d_name, &cert))
            continue;
        certs = xrealloc(certs, (n + 1) * sizeof *certs);
        certs[n++] = cert;
    }
    closedir(dir);
    *ret_n = n;
    return certs;
}

struct secret *key_pair_read(const char *path, char ret_public[static KEYS_Z85_SIZE],
                             const char **ret_why)
{
    struct secret *file = secret_read(path, ret_why);
    if (!file)
        return NULL;
    struct str text = secret_expose(file), public, secret;
    char want[KEYS_Z85_SIZE] = "", half[KEYS_Z85_SIZE] = "";
    struct secret *pair = NULL;
    if (!key_cert_field(text, "public-key", &public) || !copy_z85(public, want) ||
        !key_cert_field(text, "secret-key", &secret) || !copy_z85(secret, half))
        *ret_why = "it is not a key pair";
    else if (zmq_curve_public(ret_public, half) != 0 || strcmp(ret_public, want) != 0)
        *ret_why = "its public and secret halves do not match";
    else
        pair = secret_new(secret);
    explicit_bzero(half, sizeof half);
    secret_free(&file);
    return pair;
}
