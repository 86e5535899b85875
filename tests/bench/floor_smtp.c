/*
 * What libcurl alone needs for the same mails: the multi interface, connections used
 * again, nothing else done. Prints seconds and CPU seconds.
 *
 *   floor_smtp PORT CONNECTIONS MAILS FILE
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"

enum { CONNECTIONS_MAX = 64, MAIL_MAX = 512 * 1024 };

struct sender {
    CURL *easy;
    size_t given;
};

static char mail[MAIL_MAX], url[64];
static size_t mail_n;

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct sender *s = arg;
    size_t left = mail_n - s->given, n = left < size * count ? left : size * count;
    memcpy(out, mail + s->given, n);
    s->given += n;
    return n;
}

static CURL *make_easy(struct sender *s, struct curl_slist *rcpt)
{
    s->easy = curl_easy_init();
    curl_easy_setopt(s->easy, CURLOPT_URL, url);
    curl_easy_setopt(s->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->easy, CURLOPT_MAIL_FROM, "<no-reply@example.com>");
    curl_easy_setopt(s->easy, CURLOPT_MAIL_RCPT, rcpt);
    curl_easy_setopt(s->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(s->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(s->easy, CURLOPT_READDATA, s);
    curl_easy_setopt(s->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail_n);
    curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
    return s->easy;
}

/* Starts the next mail of each sender that has finished one. Returns how many had. */
static int collect(CURLM *multi, int *left)
{
    int queued, n = 0;
    for (CURLMsg *m; (m = curl_multi_info_read(multi, &queued));) {
        char *s = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        if (m->data.result != CURLE_OK) {
            fprintf(stderr, "floor_smtp: %s\n", curl_easy_strerror(m->data.result));
            exit(1);
        }
        CURL *easy = m->easy_handle;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &s);
        curl_multi_remove_handle(multi, easy);
        n++;
        if ((*left)-- <= 0)
            continue;
        ((struct sender *)(void *)s)->given = 0;
        curl_multi_add_handle(multi, easy);
    }
    return n;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void run(int connections, int mails)
{
    static struct sender senders[CONNECTIONS_MAX];
    CURLM *multi = curl_multi_init();
    struct curl_slist *rcpt = curl_slist_append(NULL, "<someone@example.net>");
    int left = mails - connections, done = 0, running;
    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections);
    for (int i = 0; i < connections; i++)
        curl_multi_add_handle(multi, make_easy(&senders[i], rcpt));
    while (done < mails) {
        curl_multi_perform(multi, &running);
        done += collect(multi, &left);
        if (done < mails)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
    for (int i = 0; i < connections; i++)
        curl_easy_cleanup(senders[i].easy);
    curl_multi_cleanup(multi);
    curl_slist_free_all(rcpt);
}

int main(int argc, char **argv)
{
    FILE *f = argc == 5 ? fopen(argv[4], "rb") : NULL;
    if (!f) {
        fprintf(stderr, "Usage: floor_smtp PORT CONNECTIONS MAILS FILE\n");
        return 64;
    }
    mail_n = fread(mail, 1, sizeof mail, f);
    fclose(f);
    snprintf(url, sizeof url, "smtp://127.0.0.1:%s", argv[1]);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    double started = now(), used = cpu();
    run((int)bench_number("CONNECTIONS", argv[2], 1, CONNECTIONS_MAX),
        (int)bench_number("MAILS", argv[3], CONNECTIONS_MAX, 10000000));
    printf("%.6f %.6f\n", now() - started, cpu() - used);
    return 0;
}
