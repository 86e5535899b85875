/*
 * What the bench programs share: CPU clocks, a latency histogram, option parsing, and
 * the promise that none of them outlives its caller.
 *
 * Every program prints one line of name=value pairs, so that people and `run` read the
 * same thing. CPU is user + system time; microseconds unless the name says otherwise.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Buckets of 1/32 of an octave: percentiles to 3 %, from 1 us to more than an hour. */
enum { BENCH_STEPS = 32, BENCH_BUCKETS = 28 * BENCH_STEPS };

struct bench_histogram {
    uint64_t count;
    uint32_t bucket[BENCH_BUCKETS];
};

/* One line on stderr, then exit status 2: the measurement is impossible. */
_Noreturn void bench_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Monotonic time in nanoseconds. */
int64_t bench_now_ns(void);
/* CPU time of another process, all its threads and this far; dies when it is gone. */
int64_t bench_process_cpu_ns(pid_t pid);
/* CPU time of one thread of any process, to the clock tick; 0 when it is gone. */
int64_t bench_thread_cpu_ns(pid_t pid, pid_t tid);
/* A whole number within min..max, or death naming the option. */
long bench_number(const char *option, const char *text, long min, long max);
/* A file's bytes with a NUL behind them; the caller frees. */
char *bench_read_file(const char *path, size_t *ret_size);
/* Next of a xorshift sequence; *state must not be 0. */
uint32_t bench_random(uint32_t *state);
/* The process ends with its parent, and after so many seconds in any case. */
void bench_limit_life(unsigned seconds);
/* Same for a child made by fork that serves until it is killed. */
void bench_die_with_parent(int signal_number);

void bench_histogram_add(struct bench_histogram *h, int64_t us);
/* The value below which this share (0..1) of the samples lies, in microseconds. */
int64_t bench_histogram_percentile(const struct bench_histogram *h, double share);

#endif
