#include "svc/control.h"

#include "base/jsonw.h"
#include "svc/describe.h"
#include "svc/log.h"
#include "svc/svc.h"

static void begin_reply(struct buf *out, struct jsonw *w)
{
    buf_init(out, 1024);
    jw_begin(w, out);
    jw_object(w);
}

static void send_reply(struct call *c, struct buf *out, struct jsonw *w)
{
    jw_object_end(w);
    jw_end(w);
    call_reply(c, 0, buf_get(out));
    buf_deinit(out);
}

static void handle_ping(struct call *c)
{
    struct svc *svc = c->svc;
    const char *why;
    struct buf out;
    struct jsonw w;
    begin_reply(&out, &w);
    jw_kcstr(&w, "service", svc->def->name);
    jw_kcstr(&w, "instance", svc->instance);
    jw_kcstr(&w, "version", SVC_VERSION);
    jw_kbool(&w, "ready", svc_ready(svc, &why));
    jw_kbool(&w, "database", !svc->db || db_ready(svc->db));
    jw_kbool(&w, "draining", rpc_server_draining(svc->rpc));
    send_reply(c, &out, &w);
}

static void set_draining(struct call *c, bool on)
{
    struct buf out;
    struct jsonw w;
    rpc_server_drain(c->svc->rpc, on);
    log_info("svc", on ? "drained by the monitor" : "resumed by the monitor",
             F_ID("request_id", c->frame.request_id));
    begin_reply(&out, &w);
    jw_kbool(&w, "draining", on);
    send_reply(c, &out, &w);
}

static void handle_drain(struct call *c)
{
    set_draining(c, true);
}

/* A process that was told to end goes on ending: work taken now would only be lost. */
static void handle_resume(struct call *c)
{
    if (c->svc->draining)
        call_fail(c, ERR_CONFLICT);
    else
        set_draining(c, false);
}

/* False: answered. */
static bool check_levels(struct call *c, const char *levels)
{
    AUTO_BUF struct buf areas = { .max = 1024 };
    struct str unknown = log_unknown_area(levels);
    if (!unknown.p)
        return true;
    log_areas(&areas);
    call_fail_field(c, "levels",
                    arena_printf(&c->arena,
                                 "There is no area %.*s here; the areas are %.*s.",
                                 STR_ARG(unknown), STR_ARG(buf_get(&areas))));
    return false;
}

static void handle_log_level(struct call *c)
{
    struct buf out;
    struct jsonw w;
    if (!call_body(c, SCHEMA_FULL))
        return;
    const char *levels = arena_str(&c->arena, values_get(&c->body, "levels")->s);
    if (!check_levels(c, levels))
        return;
    if (!log_levels(levels)) {
        call_fail_field(c, "levels", "Use levels like info or info,db=debug.");
        return;
    }
    begin_reply(&out, &w);
    jw_kcstr(&w, "levels", levels);
    send_reply(c, &out, &w);
}

const struct rpc_handler CONTROL_HANDLERS[] = {
    { "control.ping", handle_ping },         { "control.drain", handle_drain },
    { "control.resume", handle_resume },     { "control.log_level", handle_log_level },
    { "control.describe", describe_handle }, { NULL, NULL },
};
