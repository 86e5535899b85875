#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

enum {
    HANG_S = 10,     /* no input may take as long */
    ROUNDS = 64,     /* inputs between two looks at the clock */
    CHANGES_MAX = 8, /* of one input */
    GO_ON = 4,       /* one in so many begins with the input before, not with a seed */
};

/* The sanitizers' way to say that they are about to end the process. */
extern void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

static uint64_t rng;
static const struct fuzz_target *target;
static char *input; /* of the run under way */
static size_t input_n;

/* ---- when something breaks ---- */

static void keep_input(void)
{
    char path[128];
    snprintf(path, sizeof path, "fuzz-%s-%d.input", target->name, (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, input, input_n) != (ssize_t)input_n)
        fprintf(stderr, "the input cannot be kept: %s\n", strerror(errno));
    else
        fprintf(stderr, "the input is in %s: --file %s %s\n", path, path, target->name);
    if (fd >= 0)
        close(fd);
}

static void on_signal(int sig)
{
    signal(sig, SIG_DFL);
    fprintf(stderr, "%s: signal %d%s\n", target->name, sig,
            sig == SIGALRM ? " (it takes too long)" : "");
    keep_input();
    raise(sig);
}

void fuzz_expect(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s: broken: %s\n", target->name, what);
    keep_input();
    _exit(1);
}

/* ---- random changes ---- */

static uint64_t next_random(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static size_t below(size_t n)
{
    return n ? (size_t)(next_random() >> 16) % n : 0;
}

struct text {
    char p[FUZZ_INPUT_MAX];
    size_t n;
};

static void insert(struct text *t, size_t at, const char *p, size_t n)
{
    if (n > sizeof t->p - t->n)
        n = sizeof t->p - t->n;
    memmove(t->p + at + n, t->p + at, t->n - at);
    memcpy(t->p + at, p, n);
    t->n += n;
}

static void flip_bit(struct text *t)
{
    if (t->n > 0)
        t->p[below(t->n)] ^= (char)(1 << below(8));
}

static void set_byte(struct text *t)
{
    static const char SET[] =
        "\0\xff\x80\x7f\r\n\t \"'\\%&=;:,./<>{}[]()@#+-*09azAZ\xc3\xf0";
    if (t->n > 0)
        t->p[below(t->n)] = below(4) ? SET[below(sizeof SET - 1)] : (char)next_random();
}

static void cut(struct text *t)
{
    size_t at = below(t->n), n = 1 + below(below(2) ? 8 : t->n);
    if (t->n == 0)
        return;
    n = n < t->n - at ? n : t->n - at;
    memmove(t->p + at, t->p + at + n, t->n - at - n);
    t->n -= n;
}

static void repeat(struct text *t)
{
    char copy[FUZZ_INPUT_MAX];
    size_t from = below(t->n), n = 1 + below(below(8) ? 16 : t->n), times = 1 + below(16);
    if (t->n == 0)
        return;
    n = n < t->n - from ? n : t->n - from;
    memcpy(copy, t->p + from, n);
    for (size_t at = below(t->n + 1); times > 0; times--)
        insert(t, at, copy, n);
}

static void add_token(struct text *t)
{
    static const char *const TOKENS[] = {
        "\r\n",
        "\r\n.\r\n",
        "\n.\n",
        "%00",
        "%2e%2e",
        "%",
        "\\u0000",
        "\\ud800",
        "=?",
        "\xef\xbb\xbf",
        "\xe2\x80\xae",
        "\xe2\x80\x8b",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "{{",
        "}}",
        "{{{",
        "{{#",
        "null",
        "true",
        "1e999",
        "-0",
        "9223372036854775808",
        "18446744073709551616",
        "\"\"",
        "[[[[[[[[",
        "::1",
        "255.255.255.255",
        "xn--",
        "W/",
        "Content-Length",
        "Transfer-Encoding: chunked",
        "filename*=",
        "boundary=",
        "..",
        "//",
    };
    const char *token = TOKENS[below(ARRAY_LEN(TOKENS))];
    insert(t, below(t->n + 1), token, strlen(token));
}

static void add_seed(struct text *t)
{
    size_t n = 0;
    while (target->seeds[n])
        n++;
    const char *other = target->seeds[below(n)];
    size_t length = strlen(other), from = below(length);
    insert(t, below(t->n + 1), other + from, below(length - from) + 1);
}

static void change(struct text *t)
{
    static void (*const CHANGES[])(struct text *) = { flip_bit, set_byte,  set_byte, cut,
                                                      repeat,   add_token, add_seed };
    for (size_t n = 1 + below(CHANGES_MAX); n > 0; n--)
        CHANGES[below(ARRAY_LEN(CHANGES))](t);
}

static void begin(struct text *t)
{
    size_t n = 0;
    while (target->seeds[n])
        n++;
    const char *seed = target->seeds[below(n)];
    t->n = 0;
    insert(t, 0, seed, strlen(seed));
}

/* ---- running ---- */

static void run_one(const char *p, size_t n)
{
    input = xmalloc(n ? n : 1);
    input_n = n;
    if (n > 0)
        memcpy(input, p, n);
    target->run((struct str){ input, n });
    free(input);
    input = NULL;
    input_n = 0;
}

static void run_target(const struct fuzz_target *t, uint64_t seed, int64_t ms)
{
    static struct text text;
    int64_t end = clock_mono_ms() + ms;
    unsigned long long runs = 0;
    target = t;
    rng = seed | 1;
    printf("[ RUN      ] %s\n", t->name);
    fflush(stdout);
    for (const char *const *s = t->seeds; *s; s++)
        run_one(*s, strlen(*s));
    run_one("", 0);
    while (clock_mono_ms() < end) {
        alarm(HANG_S);
        for (int i = 0; i < ROUNDS; i++, runs++) {
            if (runs == 0 || below(GO_ON) > 0)
                begin(&text);
            change(&text);
            run_one(text.p, text.n);
        }
    }
    alarm(0);
    printf("%llu inputs\n[       OK ] %s\n", runs, t->name);
}

static int replay(const struct fuzz_target *t, const char *path)
{
    static char bytes[FUZZ_INPUT_MAX * 2];
    FILE *f = fopen(path, "re");
    if (!f) {
        perror(path);
        return 2;
    }
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    target = t;
    run_one(bytes, n);
    return 0;
}

struct str fuzz_line(struct str *rest)
{
    return str_cut(rest, '\n');
}

static int usage(const char *name)
{
    fprintf(stderr, "%s [--seconds N] [--seed N] [--file INPUT] [TARGET...]\n", name);
    for (const struct fuzz_target *t = FUZZ_TARGETS; t->name; t++)
        fprintf(stderr, "  %s\n", t->name);
    return 2;
}

static bool is_wanted(const struct fuzz_target *t, char **names)
{
    for (char **n = names; *n; n++)
        if (strcmp(*n, t->name) == 0)
            return true;
    return !*names;
}

int main(int argc, char **argv)
{
    int64_t seconds = 1, seed = 0;
    const char *file = NULL;
    char **names = argv + 1;
    for (; *names && strncmp(*names, "--", 2) == 0; names += 2) {
        if (!names[1])
            return usage(argv[0]);
        if (strcmp(*names, "--file") == 0)
            file = names[1];
        else if (!str_to_i64(str_of(names[1]),
                             strcmp(*names, "--seed") == 0 ? &seed : &seconds))
            return usage(argv[0]);
    }
    if (seed == 0)
        id_random(&seed, sizeof seed);
    signal(SIGSEGV, __sanitizer_set_death_callback ? SIG_DFL : on_signal);
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(keep_input);
    printf("--seed %lld\n", (long long)seed);
    unsigned n = 0;
    for (const struct fuzz_target *t = FUZZ_TARGETS; t->name && argc > 0; t++) {
        if (!is_wanted(t, names))
            continue;
        n++;
        if (file)
            return replay(t, file);
        run_target(t, (uint64_t)seed, seconds * 1000);
    }
    return n ? 0 : usage(argv[0]);
}
