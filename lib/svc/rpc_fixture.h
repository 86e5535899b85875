/*
 * For the tests of the wire: keys in a scratch directory, a service whose handlers the
 * test supplies, and a loop that ends when something was heard or five seconds are over.
 */
#ifndef LIB_SVC_RPC_FIXTURE_H
#define LIB_SVC_RPC_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <czmq.h>
#include <ftw.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/control.h"
#include "svc/keys_private.h"
#include "svc/metrics.h"
#include "svc/svc.h"

enum { FIXTURE_HANDLERS = 64, FIXTURE_GUARD_MS = 5000 };

struct fixture {
    char root[64];
    struct keys *keys; /* of the service under test; runs the ZAP handler */
    struct loop *loop;
    struct contract *contract;
    struct svc_def def;
    struct svc svc;
    struct rpc_handler handlers[FIXTURE_HANDLERS];
    call_fn *fn; /* every handler ends here */
    void *arg;
    bool timed_out;
};

#define FIXTURE_FN static __attribute__((unused))

FIXTURE_FN int fixture_remove_one(const char *path, const struct stat *st, int flag,
                                  struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

FIXTURE_FN void fixture_remove_tree(const char *path)
{
    nftw(path, fixture_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

FIXTURE_FN struct keys *fixture_open_keys(struct fixture *f, const char *service,
                                          unsigned faults)
{
    char own[128], public[128];
    snprintf(own, sizeof own, "%s/keys-%s", f->root, service);
    snprintf(public, sizeof public, "%s/keys-public", f->root);
    struct keys *k = keys_open_with(service, own, public, faults);
    assert_non_null(k);
    return k;
}

/* Keys of a peer: the process has one ZAP handler already. */
FIXTURE_FN struct keys *fixture_peer(struct fixture *f, const char *service)
{
    return fixture_open_keys(f, service, KEYS_FAULT_NO_HANDLER);
}

FIXTURE_FN void fixture_dispatch(struct call *c)
{
    struct fixture *f = c->svc->app;
    f->fn(c);
}

FIXTURE_FN void fixture_fill_handlers(struct fixture *f, const char *service)
{
    size_t n, used = 0;
    const struct contract_method *all = contract_methods(f->contract, &n);
    for (size_t i = 0; i < n && used + 1 < FIXTURE_HANDLERS; i++)
        if (!all[i].local && strcmp(all[i].service, service) == 0)
            f->handlers[used++] = (struct rpc_handler){ all[i].name, fixture_dispatch };
}

/* keygen talks on stdout, where the test's report goes too. client NULL: all keys. */
FIXTURE_FN int fixture_keygen(const char *root, const char *client, const char *out)
{
    fflush(stdout);
    int saved = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    int rc = client ? keys_generate_client(root, client, out) : keys_generate(root);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(null);
    return rc;
}

FIXTURE_FN void fixture_make_root(struct fixture *f)
{
    snprintf(f->root, sizeof f->root, "/tmp/quintet-test-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    assert_int_equal(fixture_keygen(f->root, NULL, NULL), 0);
}

FIXTURE_FN struct fixture *fixture_new(const char *service)
{
    char *why = NULL;
    struct fixture *f = xcalloc(1, sizeof *f);
    fixture_make_root(f);
    f->loop = loop_new();
    f->contract = contract_load(&why);
    assert_non_null(f->contract);
    f->def = (struct svc_def){ .name = service };
    fixture_fill_handlers(f, service);
    f->keys = fixture_open_keys(f, service, KEYS_FAULT_NONE);
    f->svc = (struct svc){ .def = &f->def,
                           .app = f,
                           .loop = f->loop,
                           .contract = f->contract,
                           .keys = f->keys };
    f->svc.rpc = rpc_server_start(&f->svc, "tcp://127.0.0.1:0", f->handlers);
    assert_non_null(f->svc.rpc);
    return f;
}

FIXTURE_FN void fixture_free(struct fixture **pf)
{
    struct fixture *f = *pf;
    *pf = NULL;
    rpc_server_free(&f->svc.rpc);
    keys_close(&f->keys);
    loop_free(&f->loop);
    contract_free(&f->contract);
    fixture_remove_tree(f->root);
    free(f);
}

FIXTURE_FN void fixture_guard(void *arg)
{
    struct fixture *f = arg;
    f->timed_out = true;
    loop_stop(f->loop);
}

/* Turns until somebody stops the loop; fails the test when nobody does. */
FIXTURE_FN void fixture_run_for(struct fixture *f, int64_t guard_ms)
{
    f->timed_out = false;
    struct loop_timer *guard = loop_timer(f->loop, guard_ms, 0, fixture_guard, f);
    loop_run(f->loop);
    if (f->timed_out)
        fail_msg("nothing happened for %d ms", (int)guard_ms);
    loop_timer_cancel(&guard);
}

FIXTURE_FN void fixture_run(struct fixture *f)
{
    fixture_run_for(f, FIXTURE_GUARD_MS);
}

#endif
