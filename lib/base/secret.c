#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

enum { SECRET_FILE_MAX = 65536 };

struct secret {
    char *p; /* sodium_malloc: guarded, locked, not dumped */
    size_t n;
};

struct secret *secret_new(struct str bytes)
{
    if (sodium_init() < 0)
        BUG("libsodium does not start");
    struct secret *s = xcalloc(1, sizeof *s);
    s->p = sodium_malloc(bytes.n + 1);
    if (!s->p)
        BUG("no memory for a secret");
    if (bytes.n > 0)
        memcpy(s->p, bytes.p, bytes.n);
    s->p[bytes.n] = '\0';
    s->n = bytes.n;
    return s;
}

static ssize_t read_all(int fd, char *out, size_t max)
{
    size_t n = 0;
    while (n < max) {
        ssize_t got = read(fd, out + n, max - n);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static const char *read_checked(int fd, char *out, size_t *ret_n)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return "is not a regular file";
    if (st.st_mode & S_IROTH)
        return "is readable by everybody (chmod o-r)";
    ssize_t n = read_all(fd, out, SECRET_FILE_MAX + 1);
    if (n < 0)
        return "cannot be read";
    if (n > SECRET_FILE_MAX)
        return "is larger than 64 KiB";
    if (n > 0 && out[n - 1] == '\n')
        n--;
    if (n > 0 && out[n - 1] == '\r')
        n--;
    *ret_n = (size_t)n;
    return n > 0 ? NULL : "is empty";
}

static const char *why_not_open(int error)
{
    if (error == ENOENT)
        return "does not exist";
    return error == EACCES ? "may not be read by this user" : "cannot be opened";
}

struct secret *secret_read(const char *path, const char **ret_why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *ret_why = why_not_open(errno);
        return NULL;
    }
    size_t n = 0;
    char *text = xmalloc(SECRET_FILE_MAX + 1);
    const char *why = read_checked(fd, text, &n);
    close(fd);
    struct secret *s = why ? NULL : secret_new((struct str){ text, n });
    sodium_memzero(text, SECRET_FILE_MAX + 1);
    free(text);
    if (why)
        *ret_why = why;
    return s;
}

void secret_free(struct secret **s)
{
    if (!*s)
        return;
    sodium_free((*s)->p);
    free(*s);
    *s = NULL;
}

struct str secret_expose(const struct secret *s)
{
    return s ? (struct str){ s->p, s->n } : STR("");
}
