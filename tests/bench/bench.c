#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

void bench_die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(2);
}

static int64_t read_ns(clockid_t id)
{
    struct timespec ts;
    if (clock_gettime(id, &ts))
        bench_die("cannot read a clock: %s", strerror(errno));
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t bench_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t bench_process_cpu_ns(pid_t pid)
{
    clockid_t id;
    int error = clock_getcpuclockid(pid, &id);
    if (error)
        bench_die("cannot read the CPU time of process %d: %s", (int)pid,
                  strerror(error));
    return read_ns(id);
}

int64_t bench_thread_cpu_ns(pid_t pid, pid_t tid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    char line[1024];
    size_t n = fread(line, 1, sizeof(line) - 1, f);
    fclose(f);
    line[n] = 0;
    /* The name may hold anything, so the fields count from the last bracket. */
    const char *fields = strrchr(line, ')');
    unsigned long user = 0;
    unsigned long kernel = 0;
    if (!fields ||
        sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
               &kernel) != 2)
        return 0;
    return (int64_t)(user + kernel) * (1000000000 / sysconf(_SC_CLK_TCK));
}

long bench_number(const char *option, const char *text, long min, long max)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || end == text || *end || n < min || n > max)
        bench_die("%s: '%s' is not a number from %ld to %ld", option, text, min, max);
    return n;
}

char *bench_read_file(const char *path, size_t *ret_size)
{
    enum { LIMIT = 1 << 20 };
    FILE *f = fopen(path, "re");
    if (!f)
        bench_die("cannot open '%s': %s", path, strerror(errno));
    char *bytes = malloc(LIMIT + 1);
    if (!bytes)
        bench_die("out of memory");
    size_t n = fread(bytes, 1, LIMIT + 1, f);
    if (ferror(f) || n > LIMIT)
        bench_die("cannot read '%s', or it is longer than 1 MiB", path);
    fclose(f);
    bytes[n] = 0;
    if (ret_size)
        *ret_size = n;
    return bytes;
}

uint32_t bench_random(uint32_t *state)
{
    uint32_t x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

void bench_die_with_parent(int signal_number)
{
    pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, signal_number);
    if (getppid() != parent)
        raise(signal_number);
}

void bench_limit_life(unsigned seconds)
{
    bench_die_with_parent(SIGTERM);
    alarm(seconds);
}

void bench_histogram_add(struct bench_histogram *h, int64_t us)
{
    uint64_t value = us < 1 ? 1 : (uint64_t)us;
    unsigned octave = 63 - (unsigned)__builtin_clzll(value);
    uint64_t step = value < BENCH_STEPS ? value
                                        : BENCH_STEPS + ((value >> (octave - 5)) & 31) +
                                              (uint64_t)(octave - 5) * BENCH_STEPS;
    if (step >= BENCH_BUCKETS)
        step = BENCH_BUCKETS - 1;
    h->bucket[step]++;
    h->count++;
}

/* The middle of a bucket, the inverse of the arithmetic above. */
static int64_t bucket_us(unsigned step)
{
    if (step < BENCH_STEPS)
        return step;
    unsigned shift = step / BENCH_STEPS - 1;
    int64_t low = (int64_t)(BENCH_STEPS + step % BENCH_STEPS) << shift;
    return low + (((int64_t)1 << shift) >> 1);
}

int64_t bench_histogram_percentile(const struct bench_histogram *h, double share)
{
    uint64_t below = 0;
    for (unsigned i = 0; i < BENCH_BUCKETS; i++) {
        below += h->bucket[i];
        if (below && (double)below >= share * (double)h->count)
            return bucket_us(i);
    }
    return 0;
}
