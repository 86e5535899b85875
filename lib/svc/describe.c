#include "svc/describe.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "svc/log.h"
#include "svc/metrics.h"
#include "svc/svc_private.h"

enum { REPLY_MAX = 512 * 1024, COUNTERS_MAX = 400 };

/* ---- the system ---- */

static int count_entries(const char *path)
{
    int n = 0;
    DIR *d = opendir(path);
    if (!d)
        return 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2; /* "." and ".." */
}

static int64_t micros(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static void write_system(struct jsonw *w)
{
    struct utsname os = { 0 };
    struct rusage use = { 0 };
    char kernel[160];
    uname(&os);
    getrusage(RUSAGE_SELF, &use);
    snprintf(kernel, sizeof kernel, "%s %s", os.sysname, os.release);
    jw_key(w, "system");
    jw_object(w);
    jw_kcstr(w, "host", os.nodename);
    jw_kcstr(w, "kernel", kernel);
    jw_kcstr(w, "machine", os.machine);
    jw_kint(w, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
    jw_kint(w, "pid", getpid());
    jw_kint(w, "uid", getuid());
    jw_kint(w, "threads", count_entries("/proc/self/task"));
    jw_kint(w, "open_fds", count_entries("/proc/self/fd") - 1);
    jw_kint(w, "rss_kib", process_use().resident_kib);
    jw_kint(w, "peak_rss_kib", use.ru_maxrss);
    jw_kint(w, "cpu_user_us", micros(use.ru_utime));
    jw_kint(w, "cpu_system_us", micros(use.ru_stime));
    jw_kint(w, "minor_faults", use.ru_minflt);
    jw_kint(w, "major_faults", use.ru_majflt);
    jw_kint(w, "voluntary_switches", use.ru_nvcsw);
    jw_kint(w, "involuntary_switches", use.ru_nivcsw);
    jw_object_end(w);
}

/* ---- settings ---- */

/* tcp://user:password@host as tcp://user:***@host: a password in an address is one, even
 * where nobody expects it. */
static struct str hide_password(const char *value, struct arena *a)
{
    const char *scheme = strstr(value, "://");
    const char *at = scheme ? strrchr(scheme + 3, '@') : NULL;
    const char *colon = at ? memchr(scheme + 3, ':', (size_t)(at - scheme - 3)) : NULL;
    if (!colon)
        return str_of(value);
    return str_of(arena_printf(a, "%.*s:***%s", (int)(colon - value), value, at));
}

struct writing {
    struct jsonw *w;
    struct arena *arena;
};

static void write_option(void *arg, const struct option_shown *o)
{
    const struct writing *to = arg;
    struct jsonw *w = to->w;
    jw_object(w);
    jw_kcstr(w, "name", o->name);
    jw_kcstr(w, "flag", o->flag);
    jw_kstr(w, "value",
            o->secret ? str_of(o->value) : hide_password(o->value, to->arena));
    jw_kcstr(w, "default", o->def);
    jw_kcstr(w, "source", o->source);
    jw_kbool(w, "secret", o->secret);
    jw_kcstr(w, "help", o->help);
    jw_object_end(w);
}

static void write_endpoint(void *arg, const struct option_shown *o)
{
    const struct writing *to = arg;
    struct jsonw *w = to->w;
    if (o->secret || !o->value[0] ||
        (!strstr(o->name, "_LISTEN") && !strstr(o->name, "_ENDPOINT") &&
         !strstr(o->name, "_EVENTS") && !strstr(o->name, "_TELEMETRY")))
        return;
    jw_object(w);
    jw_kcstr(w, "name", o->name);
    jw_kstr(w, "address", hide_password(o->value, to->arena));
    jw_object_end(w);
}

static void write_settings(struct call *c, struct jsonw *w)
{
    const struct svc_tables *t = c->svc->tables;
    struct writing to = { w, &c->arena };
    jw_key(w, "options");
    jw_array(w);
    options_each(t->t, t->n, write_option, &to);
    jw_array_end(w);
    jw_key(w, "endpoints");
    jw_array(w);
    options_each(t->t, t->n, write_endpoint, &to);
    jw_array_end(w);
}

/* ---- what was counted ---- */

struct calls {
    int64_t all, errors;
    const char *only;
};

static void add_calls(void *arg, const char *labels, int64_t value)
{
    struct calls *n = arg;
    if (!strstr(labels, n->only))
        return;
    n->all += value;
    if (!strstr(labels, "result=\"ok\""))
        n->errors += value;
}

static void write_quantile(struct jsonw *w, const char *key, const struct metric_sum *t,
                           double q)
{
    int64_t us = metric_quantile_us(t, q);
    if (us < 0)
        jw_knull(w, key);
    else
        jw_kint(w, key, us);
}

static void write_methods(struct svc *svc, struct jsonw *w)
{
    size_t n;
    const struct contract_method *all = contract_methods(svc->contract, &n);
    jw_key(w, "methods");
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        char only[128];
        struct calls calls = { .only = only };
        struct metric_sum time = { 0 };
        if (strcmp(all[i].service, svc->def->name) != 0 || all[i].local)
            continue;
        snprintf(only, sizeof only, "method=\"%s\"", all[i].name);
        metrics_each("rpc_server_requests_total", add_calls, &calls);
        metrics_merge("rpc_server_request_duration_seconds", only, "", &time);
        jw_object(w);
        jw_kcstr(w, "name", all[i].name);
        jw_kint(w, "requests", calls.all);
        jw_kint(w, "errors", calls.errors);
        write_quantile(w, "p50_us", &time, 0.5);
        write_quantile(w, "p99_us", &time, 0.99);
        jw_object_end(w);
    }
    jw_array_end(w);
}

struct counters {
    struct jsonw *w;
    unsigned left;
};

static void write_counter(void *arg, const char *name, const char *labels, int64_t value)
{
    struct counters *to = arg;
    if (to->left == 0 || value == 0)
        return;
    to->left--;
    jw_object(to->w);
    jw_kcstr(to->w, "name", name);
    jw_kcstr(to->w, "labels", labels);
    jw_kint(to->w, "value", value);
    jw_object_end(to->w);
}

static void write_counters(struct jsonw *w)
{
    struct counters to = { w, COUNTERS_MAX };
    jw_key(w, "counters");
    jw_array(w);
    metrics_each_number(write_counter, &to);
    jw_array_end(w);
}

static void write_pools(struct svc *svc, struct jsonw *w)
{
    int size = 0;
    for (int i = 0; i < DB_LANES; i++)
        size += svc->def->db_connections[i];
    jw_key(w, "pools");
    jw_array(w);
    if (svc->db) {
        jw_object(w);
        jw_kcstr(w, "name", "database connections");
        jw_kint(w, "size", size);
        jw_kint(w, "busy", db_in_flight(svc->db));
        jw_object_end(w);
    }
    jw_array_end(w);
}

void describe_handle(struct call *c)
{
    struct svc *svc = c->svc;
    char at[CLOCK_TEXT_SIZE];
    struct jsonw w;
    AUTO_BUF struct buf out;
    buf_init(&out, REPLY_MAX);
    jw_begin(&w, &out);
    jw_object(&w);
    jw_kcstr(&w, "service", svc->def->name);
    jw_kcstr(&w, "instance", svc->instance);
    jw_kcstr(&w, "version", SVC_VERSION);
    jw_kcstr(&w, "started_at", clock_text(process_started_s() * 1000000, at));
    jw_kbool(&w, "draining", svc_draining(svc));
    jw_kcstr(&w, "log_levels", log_levels_text());
    write_system(&w);
    write_settings(c, &w);
    write_pools(svc, &w);
    write_methods(svc, &w);
    write_counters(&w);
    jw_object_end(&w);
    jw_end(&w);
    if (out.overflow)
        call_fail(c, ERR_INTERNAL);
    else
        call_reply(c, 0, buf_get(&out));
}
