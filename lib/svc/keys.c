#include "svc/keys_private.h"

#include <czmq.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/frame.h"
#include "svc/log.h"

enum {
    ZAP_ENFORCE_DOMAIN = 93, /* a draft name in the header, live in the library */
    RECHECK_MS = 1000,
    SETTLED_S = 2, /* a directory changed this recently may change again unseen */
};

#define ZAP_DOMAIN "internal"

struct open_socket {
    struct open_socket *next;
    zsock_t *sock;
    void *raw;
};

struct keys {
    char *own_dir, *public_dir;
    char public[KEYS_Z85_SIZE];
    struct secret *secret;
    zactor_t *handler;
    unsigned faults;
    pthread_mutex_t lock; /* of everything below */
    struct open_socket *sockets;
    struct key_cert *certs;
    size_t ncerts;
    struct timespec certs_modified;
    int64_t checked_ms;
    bool unsettled;
};

/* ---- open and close ---- */

/* czmq makes the one context; signals stay ours, so its handlers must be off first. */
static void start_context(void)
{
    zsys_handler_set(NULL);
    zsys_init();
}

static bool start_handler(struct keys *k)
{
    if (k->faults & KEYS_FAULT_NO_HANDLER)
        return true;
    k->handler = zactor_new(zauth, NULL);
    if (!k->handler)
        return false;
    zstr_sendx(k->handler, "CURVE", k->public_dir, NULL);
    return zsock_wait(k->handler) == 0;
}

static bool load_pair(struct keys *k)
{
    const char *why = "";
    AUTO_FREE char *path = xasprintf("%s/curve.key_secret", k->own_dir);
    k->secret = key_pair_read(path, k->public, &why);
    if (!k->secret)
        log_error("keys", "key pair refused", F_STR("file", path), F_STR("why", why));
    return k->secret;
}

struct keys *keys_open_with(const char *service, const char *own_dir,
                            const char *public_dir, unsigned faults)
{
    struct keys *k = xcalloc(1, sizeof *k);
    (void)service; /* the certificates say who we are */
    k->own_dir = xstrdup(own_dir);
    k->public_dir = xstrdup(public_dir);
    k->faults = faults;
    pthread_mutex_init(&k->lock, NULL);
    start_context();
    if (!load_pair(k)) {
        keys_close(&k);
        return NULL;
    }
    if (!start_handler(k)) {
        log_error("keys", "ZAP handler did not start");
        keys_close(&k);
        return NULL;
    }
    return k;
}

struct keys *keys_open(const char *service, const char *own_dir, const char *public_dir)
{
    return keys_open_with(service, own_dir, public_dir, KEYS_FAULT_NONE);
}

void keys_close(struct keys **pk)
{
    struct keys *k = *pk;
    *pk = NULL;
    if (!k)
        return;
    while (k->sockets)
        keys_socket_free(k, &(void *){ k->sockets->raw });
    zactor_destroy(&k->handler);
    secret_free(&k->secret);
    pthread_mutex_destroy(&k->lock);
    free(k->certs);
    free(k->own_dir);
    free(k->public_dir);
    free(k);
}

/* ---- the allow-list ---- */

static bool directory_changed(const struct keys *k)
{
    struct stat st;
    if (stat(k->public_dir, &st) != 0)
        return true;
    return st.st_mtim.tv_sec != k->certs_modified.tv_sec ||
           st.st_mtim.tv_nsec != k->certs_modified.tv_nsec;
}

/* Under the lock. An unreadable directory allows nobody: this fails closed. */
static void refresh(struct keys *k)
{
    int64_t now = clock_mono_ms();
    if (k->checked_ms > 0 && now - k->checked_ms < RECHECK_MS)
        return;
    k->checked_ms = now;
    if (!k->unsettled && !directory_changed(k))
        return;
    free(k->certs);
    k->certs_modified = (struct timespec){ 0 };
    k->certs = key_certs_read(k->public_dir, &k->ncerts, &k->certs_modified);
    if (!k->certs)
        log_error("keys", "no certificate can be read", F_STR("dir", k->public_dir));
    /* A second change within the clock's grain leaves the time as it is: look again. */
    k->unsettled = clock_wall_s() - k->certs_modified.tv_sec <= SETTLED_S;
}

bool keys_allowed(struct keys *k, const char *name, const char *user_id)
{
    bool found = false;
    if (!name || !user_id)
        return false;
    pthread_mutex_lock(&k->lock);
    refresh(k);
    for (size_t i = 0; i < k->ncerts && !found; i++)
        found =
            strcmp(k->certs[i].key, user_id) == 0 && strcmp(k->certs[i].name, name) == 0;
    pthread_mutex_unlock(&k->lock);
    return found;
}

static bool newer(const struct timespec *a, const struct timespec *b)
{
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec > b->tv_sec;
    return a->tv_nsec > b->tv_nsec;
}

/* The newest public key of that name, so that a rotation needs no more than a new file.
 */
static bool peer_key(struct keys *k, const char *peer, char out[static KEYS_Z85_SIZE])
{
    const struct key_cert *best = NULL;
    pthread_mutex_lock(&k->lock);
    refresh(k);
    for (size_t i = 0; i < k->ncerts; i++) {
        const struct key_cert *c = &k->certs[i];
        if (c->client_only)
            continue;
        if (strcmp(c->name, peer) == 0 && (!best || newer(&c->modified, &best->modified)))
            best = c;
    }
    if (best)
        memcpy(out, best->key, KEYS_Z85_SIZE);
    pthread_mutex_unlock(&k->lock);
    return best;
}

/* ---- sockets ---- */

struct int_option {
    int name;
    int value;
};

static const struct int_option COMMON[] = {
    { ZMQ_HANDSHAKE_IVL, 3000 },     { ZMQ_HEARTBEAT_IVL, 1000 },
    { ZMQ_HEARTBEAT_TIMEOUT, 3000 }, { ZMQ_HEARTBEAT_TTL, 5000 },
    { ZMQ_TCP_KEEPALIVE, 1 },        { ZMQ_TCP_KEEPALIVE_IDLE, 30 },
    { ZMQ_TCP_KEEPALIVE_INTVL, 10 }, { ZMQ_TCP_KEEPALIVE_CNT, 3 },
};

static const struct int_option SERVER[] = {
    { ZMQ_LINGER, 1000 },
    { ZMQ_BACKLOG, 256 },
    { ZMQ_CURVE_SERVER, 1 },
};

static const struct int_option CLIENT[] = {
    { ZMQ_RECONNECT_IVL, 100 },
    { ZMQ_RECONNECT_IVL_MAX, 2000 },
};

/* Requests wait in the caller, not in the socket. Replies of everything in flight
 * (rpc_server's limit of 1,024) must fit, or a burst would be dropped; libzmq learns only
 * every half mark how much the other side has taken, so a mark promises no more than half
 * of itself. A doorbell that is lost costs a pull, so events get room for a batch of the
 * sequencer. */
struct type_options {
    int type;
    int receive_hwm, send_hwm;
    int client_linger;
    struct int_option extra; /* name 0: none */
};

static const struct type_options TYPES[] = {
    { ZMQ_ROUTER, 256, 3072, 0, { ZMQ_ROUTER_MANDATORY, 1 } },
    { ZMQ_DEALER, 1024, 256, 0, { ZMQ_IMMEDIATE, 1 } },
    { ZMQ_PUB, 2000, 2000, 500, { 0 } }, /* a farewell gets half a second */
    { ZMQ_SUB, 2000, 2000, 0, { 0 } },
};

static bool set_all(void *raw, const struct int_option *options, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (zmq_setsockopt(raw, options[i].name, &options[i].value, sizeof(int)) != 0)
            return false;
    return true;
}

static bool set_type(void *raw, int type, bool server)
{
    int64_t max = FRAME_HEADER_SIZE + FRAME_META_MAX;
    max += server ? FRAME_BULK_MAX : FRAME_REPLY_MAX;
    if (zmq_setsockopt(raw, ZMQ_MAXMSGSIZE, &max, sizeof max) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        const struct type_options *t = &TYPES[i];
        const struct int_option limits[] = { { ZMQ_RCVHWM, t->receive_hwm },
                                             { ZMQ_SNDHWM, t->send_hwm },
                                             { ZMQ_LINGER, t->client_linger } };
        if (t->type == type)
            return set_all(raw, limits, server ? 2 : 3) &&
                   set_all(raw, &t->extra, t->extra.name ? 1 : 0);
    }
    return true;
}

static bool set_pair(struct keys *k, void *raw)
{
    struct str secret = secret_expose(k->secret);
    return zmq_setsockopt(raw, ZMQ_CURVE_PUBLICKEY, k->public, KEYS_Z85_SIZE) == 0 &&
           zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, secret.p, secret.n + 1) == 0;
}

/* Without option 93 libzmq lets any key in while no ZAP handler answers. */
static bool set_server(struct keys *k, void *raw)
{
    int on = 1;
    if (!set_all(raw, SERVER, ARRAY_LEN(SERVER)) ||
        zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, secret_expose(k->secret).p,
                       KEYS_Z85_SIZE) != 0 ||
        zmq_setsockopt(raw, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) != 0)
        return false;
    return (k->faults & KEYS_FAULT_NO_ENFORCE) ||
           zmq_setsockopt(raw, ZAP_ENFORCE_DOMAIN, &on, sizeof on) == 0;
}

static void *keep(struct keys *k, zsock_t *sock)
{
    struct open_socket *o = xmalloc(sizeof *o);
    o->sock = sock;
    o->raw = zsock_resolve(sock);
    pthread_mutex_lock(&k->lock);
    o->next = k->sockets;
    k->sockets = o;
    pthread_mutex_unlock(&k->lock);
    return o->raw;
}

static void *refuse(zsock_t *sock)
{
    log_error("keys", "socket refused", F_STR("why", zmq_strerror(zmq_errno())));
    zsock_destroy(&sock);
    return NULL;
}

void *keys_server_socket(struct keys *k, int zmq_type)
{
    zsock_t *sock = zsock_new(zmq_type);
    if (!sock)
        return NULL;
    void *raw = zsock_resolve(sock);
    if (!set_all(raw, COMMON, ARRAY_LEN(COMMON)) || !set_type(raw, zmq_type, true) ||
        !set_server(k, raw))
        return refuse(sock);
    return keep(k, sock);
}

void *keys_client_socket(struct keys *k, int zmq_type, const char *peer)
{
    char server[KEYS_Z85_SIZE];
    if (!peer_key(k, peer, server))
        return NULL;
    zsock_t *sock = zsock_new(zmq_type);
    if (!sock)
        return NULL;
    void *raw = zsock_resolve(sock);
    if (!set_all(raw, COMMON, ARRAY_LEN(COMMON)) || !set_type(raw, zmq_type, false) ||
        !set_all(raw, CLIENT, ARRAY_LEN(CLIENT)) || !set_pair(k, raw) ||
        zmq_setsockopt(raw, ZMQ_CURVE_SERVERKEY, server, sizeof server) != 0)
        return refuse(sock);
    return keep(k, sock);
}

/* Calls ourselves, so our own public key is the server's. */
static bool set_throw_away_pair(struct keys *k, void *raw)
{
    char public[KEYS_Z85_SIZE], secret[KEYS_Z85_SIZE];
    bool ok = zmq_curve_keypair(public, secret) == 0 &&
              zmq_setsockopt(raw, ZMQ_CURVE_PUBLICKEY, public, sizeof public) == 0 &&
              zmq_setsockopt(raw, ZMQ_CURVE_SECRETKEY, secret, sizeof secret) == 0 &&
              zmq_setsockopt(raw, ZMQ_CURVE_SERVERKEY, k->public, KEYS_Z85_SIZE) == 0;
    explicit_bzero(secret, sizeof secret);
    return ok;
}

void *keys_stranger_socket(struct keys *k, bool curve)
{
    static const struct int_option ONCE[] = { { ZMQ_LINGER, 0 },
                                              { ZMQ_RECONNECT_IVL, -1 } };
    zsock_t *sock = zsock_new(ZMQ_DEALER);
    if (!sock)
        return NULL;
    void *raw = zsock_resolve(sock);
    if (!set_all(raw, ONCE, ARRAY_LEN(ONCE)) || (curve && !set_throw_away_pair(k, raw)))
        return refuse(sock);
    return keep(k, sock);
}

static void choose_family(void *socket, const char *endpoint)
{
    if (strchr(endpoint, '['))
        zmq_setsockopt(socket, ZMQ_IPV6, &(int){ 1 }, sizeof(int));
}

int keys_bind(void *socket, const char *endpoint)
{
    choose_family(socket, endpoint);
    return zmq_bind(socket, endpoint);
}

int keys_connect(void *socket, const char *endpoint)
{
    choose_family(socket, endpoint);
    return zmq_connect(socket, endpoint);
}

bool keys_know(struct keys *k, const char *peer)
{
    char key[KEYS_Z85_SIZE];
    return peer_key(k, peer, key);
}

void keys_socket_free(struct keys *k, void **socket)
{
    void *raw = *socket;
    *socket = NULL;
    if (!raw)
        return;
    pthread_mutex_lock(&k->lock);
    struct open_socket **at = &k->sockets;
    while (*at && (*at)->raw != raw)
        at = &(*at)->next;
    struct open_socket *o = *at;
    if (o)
        *at = o->next;
    pthread_mutex_unlock(&k->lock);
    if (o)
        zsock_destroy(&o->sock);
    free(o);
}

/* ---- files ---- */

struct secret *keys_secret(struct keys *k, const char *name, const char **ret_why)
{
    AUTO_FREE char *path = xasprintf("%s/%s", k->own_dir, name);
    return secret_read(path, ret_why);
}

char *keys_public_file(struct keys *k, const char *name, size_t *ret_n)
{
    AUTO_FREE char *path = xasprintf("%s/%s", k->public_dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    char *bytes = xmalloc(KEYS_FILE_MAX + 1);
    size_t n = fread(bytes, 1, KEYS_FILE_MAX + 1, f);
    bool bad = ferror(f) || n > KEYS_FILE_MAX;
    fclose(f);
    if (bad) {
        free(bytes);
        return NULL;
    }
    bytes[n] = '\0';
    *ret_n = n;
    return bytes;
}
