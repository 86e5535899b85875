#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_boot_ms(void)
{
    return read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_wall_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t clock_wall_s(void)
{
    return clock_wall_us() / 1000000;
}

char *clock_text(int64_t wall_us, char out[static CLOCK_TEXT_SIZE])
{
    time_t s = (time_t)(wall_us / 1000000);
    int us = (int)(wall_us % 1000000);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t n = strftime(out, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    if (us)
        snprintf(out + n, CLOCK_TEXT_SIZE - n, ".%06dZ", us);
    else
        snprintf(out + n, CLOCK_TEXT_SIZE - n, "Z");
    return out;
}

char *clock_mail_date(int64_t wall_us, char out[static 40])
{
    time_t s = (time_t)(wall_us / 1000000);
    struct tm tm;
    gmtime_r(&s, &tm);
    strftime(out, 40, "%a, %d %b %Y %H:%M:%S +0000", &tm);
    return out;
}
