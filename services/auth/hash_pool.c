#include "auth/hash_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/password_strength.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"
#include "svc/metrics.h"

enum { THREADS_MAX = 64 };

enum job_kind { JOB_JUDGE, JOB_HASH, JOB_VERIFY };

struct job {
    struct job *next;
    struct hash_pool *pool;
    enum job_kind kind;
    struct secret *password;
    char *compare; /* of JOB_VERIFY */
    hash_fn *fn;
    void *arg;
    struct hash_result result;
};

struct hash_pool {
    struct loop *loop;
    struct auth_hash_cost cost;
    char nobody[AUTH_HASH_SIZE]; /* what unknown users are compared with */
    unsigned queue_max, min_bits;
    pthread_t threads[THREADS_MAX];
    unsigned nthreads;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;
    struct job *head, **tail;
    unsigned depth;
    bool stopping;
    struct {
        struct metric *waiting, *busy, *refused, *duration;
    } series;
};

static void job_free(struct job *j)
{
    secret_free(&j->password);
    free(j->compare);
    free(j);
}

static void judge(struct job *j)
{
    j->result.weak =
        auth_password_guessable(secret_expose(j->password), j->pool->min_bits);
    j->result.ok = !j->result.weak;
}

/* One observation a password, so that their count is the number of passwords hashed. */
static void hash(struct job *j)
{
    struct hash_result *r = &j->result;
    int64_t start = clock_mono_us();

    r->ok = auth_password_hash(&j->pool->cost, secret_expose(j->password), r->hash);
    if (!r->ok)
        r->hash[0] = '\0';
    metric_observe_us(j->pool->series.duration, clock_mono_us() - start);
}

static void verify(struct job *j)
{
    struct hash_result *r = &j->result;
    int64_t start = clock_mono_us();
    bool usable = auth_password_usable(j->compare); /* otherwise: the work, no match */
    bool matches = auth_password_matches(secret_expose(j->password),
                                         usable ? j->compare : j->pool->nobody) &&
                   usable;

    metric_observe_us(j->pool->series.duration, clock_mono_us() - start);
    if (matches && auth_password_outdated(&j->pool->cost, j->compare))
        hash(j);
    r->ok = matches; /* also when there was no memory for the better hash */
}

static void run(struct job *j)
{
    metric_add(j->pool->series.waiting, -1);
    metric_add(j->pool->series.busy, 1);
    if (j->kind == JOB_VERIFY)
        verify(j);
    else
        judge(j);
    if (j->kind == JOB_HASH && j->result.ok)
        hash(j);
    metric_add(j->pool->series.busy, -1);
}

static void deliver(void *arg)
{
    struct job *j = arg;
    struct hash_pool *p = j->pool;

    pthread_mutex_lock(&p->lock);
    p->depth--;
    pthread_mutex_unlock(&p->lock);
    j->fn(j->arg, &j->result);
    job_free(j);
}

/* The next job; NULL when the pool ends. */
static struct job *next_job(struct hash_pool *p)
{
    pthread_mutex_lock(&p->lock);
    while (!p->head && !p->stopping)
        pthread_cond_wait(&p->work, &p->lock);
    struct job *j = p->stopping ? NULL : p->head;
    if (j) {
        p->head = j->next;
        if (!p->head)
            p->tail = &p->head;
    }
    pthread_mutex_unlock(&p->lock);
    return j;
}

static void *work(void *arg)
{
    struct hash_pool *p = arg;

    pthread_setname_np(pthread_self(), "hash");
    for (struct job *j; (j = next_job(p));) {
        run(j);
        loop_post(p->loop, deliver, j);
    }
    return NULL;
}

static void make_series(struct hash_pool *p)
{
    p->series.waiting = metric_gauge("auth_hash_waiting", "Passwords in the queue", "");
    p->series.busy = metric_gauge("auth_hash_busy", "Threads that hash a password", "");
    p->series.refused =
        metric_counter("auth_hash_refused_total", "Passwords the queue refused", "");
    p->series.duration =
        metric_histogram("auth_hash_duration_seconds", "Time to hash a password", "");
}

static unsigned default_threads(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores > 2 ? (unsigned)cores - 1 : 1;
}

struct hash_pool *hash_pool_new(struct loop *l, const struct hash_pool_config *cfg)
{
    struct hash_pool *p = xcalloc(1, sizeof(*p));

    p->loop = l;
    p->cost = cfg->cost;
    p->queue_max = cfg->queue;
    p->min_bits = cfg->min_bits;
    p->tail = &p->head;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    make_series(p);
    if (!auth_password_hash(&p->cost, STR("nobody has this password"), p->nobody)) {
        hash_pool_free(&p);
        return NULL;
    }
    unsigned wanted = cfg->threads ? cfg->threads : default_threads();
    for (; p->nthreads < wanted && p->nthreads < THREADS_MAX; p->nthreads++) {
        if (pthread_create(&p->threads[p->nthreads], NULL, work, p) != 0)
            break;
    }
    if (p->nthreads == 0)
        hash_pool_free(&p);
    return p;
}

void hash_pool_free(struct hash_pool **pool)
{
    struct hash_pool *p = *pool;

    if (!p)
        return;
    *pool = NULL;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->nthreads; i++)
        pthread_join(p->threads[i], NULL);
    while (p->head) {
        struct job *j = p->head;
        p->head = j->next;
        job_free(j);
    }
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Takes the job over when it returns true. */
static bool push(struct hash_pool *p, struct job *j)
{
    pthread_mutex_lock(&p->lock);
    bool taken = p->depth < p->queue_max + p->nthreads;
    if (taken) {
        p->depth++;
        *p->tail = j;
        p->tail = &j->next;
        metric_add(p->series.waiting, 1); /* before a thread takes it */
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    if (!taken)
        metric_add(p->series.refused, 1);
    return taken;
}

static bool submit(struct hash_pool *p, enum job_kind kind, struct str password,
                   const char *compare, hash_fn *fn, void *arg)
{
    struct job *j = xcalloc(1, sizeof(*j));

    j->pool = p;
    j->kind = kind;
    j->password = secret_new(password);
    j->compare = compare ? xstrdup(compare) : NULL;
    j->fn = fn;
    j->arg = arg;
    if (push(p, j))
        return true;
    job_free(j);
    return false;
}

bool hash_pool_hash(struct hash_pool *p, struct str password, hash_fn *fn, void *arg)
{
    return submit(p, JOB_HASH, password, NULL, fn, arg);
}

bool hash_pool_judge(struct hash_pool *p, struct str password, hash_fn *fn, void *arg)
{
    return submit(p, JOB_JUDGE, password, NULL, fn, arg);
}

bool hash_pool_verify(struct hash_pool *p, struct str password, const char *hash,
                      hash_fn *fn, void *arg)
{
    return submit(p, JOB_VERIFY, password, hash ? hash : p->nobody, fn, arg);
}

unsigned hash_pool_depth(struct hash_pool *p)
{
    pthread_mutex_lock(&p->lock);
    unsigned depth = p->depth;
    pthread_mutex_unlock(&p->lock);
    return depth;
}
