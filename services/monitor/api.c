#include "monitor/api.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"
#include "monitor/app.h"
#include "svc/body.h"
#include "svc/events_parse.h"

static const char CSP[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'self'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'";
/* A mail shown in a frame: what mails are made of, no script, nothing from elsewhere. */
static const char MAIL_CSP[] = "default-src 'none'; style-src 'unsafe-inline'; "
                               "img-src data:; frame-ancestors 'self'; sandbox";

enum { ANSWER_MAX = 4 * 1024 * 1024, HEADERS = 13 };

/* ---- answers ---- */

static size_t common_lines(struct http_header_line *lines, const char *type,
                           const char *cache)
{
    bool mail = strcmp(type, MONITOR_MAIL_TYPE) == 0;
    const struct http_header_line common[] = {
        { "Content-Type", mail ? "text/html; charset=utf-8" : type },
        { "Content-Security-Policy", mail ? MAIL_CSP : CSP },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Cache-Control", cache },
    };
    memcpy(lines, common, sizeof common);
    return ARRAY_LEN(common);
}

void monitor_http_answer(struct http_request *r, int status, const char *type,
                         struct str body, const struct http_header_line *more)
{
    struct http_header_line lines[HEADERS] = { 0 };
    size_t n = common_lines(lines, type, "no-store");
    for (; more && more->name && n < HEADERS - 1; more++)
        lines[n++] = *more;
    http_reply(r,
               &(struct http_answer){ .status = status, .body = body, .headers = lines });
}

/* Documents live longer than the listener. */
static void keep(void *document)
{
    (void)document;
}

void monitor_http_document(struct http_request *r, int status,
                           const struct http_document *d)
{
    struct http_representation shown = http_document_for(d, r);
    shown.known = shown.known && status == 200; /* a 304 would say that there is one */
    struct http_header_line lines[HEADERS] = { 0 };
    /* A browser that may keep the page keeps it as it is drawn, with what somebody saw,
     * for whoever goes back to it. */
    bool page = str_starts(str_of(d->type), STR("text/html"));
    size_t n = common_lines(lines, d->type, page ? "no-store" : "no-cache");
    lines[n++] = (struct http_header_line){ "ETag", shown.etag };
    lines[n++] = (struct http_header_line){ "Vary", "Accept-Encoding" };
    struct http_answer a = { .status = shown.known ? 304 : status, .headers = lines };
    if (!shown.known) {
        if (shown.encoding)
            lines[n++] = (struct http_header_line){ "Content-Encoding", shown.encoding };
        a.body = shown.body;
        a.release = keep;
    }
    http_reply(r, &a);
}

void api_free(struct api *a)
{
    json_decref(a->body);
    arena_deinit(&a->arena);
    free(a);
}

/* A program is told how to come in; a browser would put up a dialog of its own. */
static bool is_program(struct http_request *r)
{
    return http_header(r, "Sec-Fetch-Mode").n == 0 && http_header(r, "Cookie").n == 0 &&
           http_header(r, "Origin").n == 0;
}

void api_reply_as(struct api *a, int status, const char *type, struct str body)
{
    char seconds[24];
    struct http_header_line more[5] = { 0 };
    size_t n = 0;
    if (a->set_cookie)
        more[n++] = (struct http_header_line){ "Set-Cookie", a->set_cookie };
    if (a->retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%lld", (long long)a->retry_after_s);
        more[n++] = (struct http_header_line){ "Retry-After", seconds };
    }
    if (a->incomplete)
        more[n++] = (struct http_header_line){ "X-Incomplete", a->incomplete };
    if (status == 401 && is_program(a->http))
        more[n++] =
            (struct http_header_line){ "WWW-Authenticate", "Basic realm=\"quintet\"" };
    monitor_http_answer(a->http, status, type, body, more);
    api_free(a);
}

void api_reply(struct api *a, int status, struct str json)
{
    api_reply_as(a, status, "application/json", json);
}

static void begin_error(struct buf *b, struct jsonw *w, const struct err_info *info,
                        const char *detail)
{
    api_begin(b, w);
    jw_kbool(w, "error", true);
    jw_kint(w, "status_code", info->status);
    jw_kcstr(w, "code", info->code);
    jw_kcstr(w, "message", info->message);
    jw_kcstr(w, "detail", detail ? detail : info->detail);
}

static void end_error(struct api *a, const struct err_info *info, struct buf *b,
                      struct jsonw *w)
{
    jw_object_end(w);
    jw_end(w);
    api_reply(a, info->status, buf_get(b));
    buf_deinit(b);
}

void monitor_http_error(struct http_request *r, enum err e)
{
    const struct err_info *info = err_info(e);
    struct buf b;
    struct jsonw w;
    begin_error(&b, &w, info, NULL);
    jw_object_end(&w);
    jw_end(&w);
    monitor_http_answer(r, info->status, "application/json", buf_get(&b), NULL);
    buf_deinit(&b);
}

void api_fail(struct api *a, enum err e, const char *detail)
{
    const struct err_info *info = err_info(e);
    struct buf b;
    struct jsonw w;
    begin_error(&b, &w, info, detail);
    end_error(a, info, &b, &w);
}

void api_fail_field(struct api *a, const char *field, const char *message,
                    int64_t position)
{
    const struct err_info *info = err_info(ERR_VALIDATION);
    struct buf b;
    struct jsonw w;
    begin_error(&b, &w, info, message);
    jw_key(&w, "details");
    jw_object(&w);
    jw_key(&w, field);
    jw_array(&w);
    jw_str(&w, str_of(message));
    jw_array_end(&w);
    jw_object_end(&w);
    if (position >= 0)
        jw_kint(&w, "position", position);
    end_error(a, info, &b, &w);
}

/* What is known of a service, or of a replica, that gives no answer. */
static const char *what_stands(const struct api *a, const char *name)
{
    static const char *const WORDS[REPLICA_STATUSES] = {
        [REPLICA_UP] = "it cannot be reached",
        [REPLICA_NOT_READY] = "it is not ready",
        [REPLICA_DRAINING] = "it is draining",
        [REPLICA_SILENT] = "it has fallen silent",
        [REPLICA_FROZEN] = "it is frozen",
        [REPLICA_MUTE] = "it cannot be reached",
        [REPLICA_WRONG_VERSION] = "it cannot be reached",
    };
    const struct replicas *t = &a->app->replicas;
    char evidence[200];
    for (unsigned i = 0; i < t->n; i++) {
        const struct replica *r = t->r[i];
        enum replica_status s = replica_status(r, t->version, clock_mono_ms(), evidence);
        if (WORDS[s] && (strcmp(r->service, name) == 0 || strcmp(r->instance, name) == 0))
            return WORDS[s];
    }
    return "no replica is there";
}

void api_fail_reply(struct api *a, const char *service, enum err e,
                    const struct frame *reply)
{
    const struct err_info *info = err_info(e);
    uint32_t seconds;
    struct buf b;
    struct jsonw w;
    if (reply && record_get_u32(reply->meta, REC_RETRY_AFTER, &seconds))
        a->retry_after_s = seconds;
    if (!reply) {
        api_fail(a, e == ERR_DEADLINE ? ERR_DEADLINE : ERR_UNAVAILABLE,
                 arena_printf(&a->arena, "%s does not answer: %s.", service,
                              e == ERR_OUTCOME_UNKNOWN ? "it went away meanwhile"
                              : e == ERR_DEADLINE      ? "it took too long"
                                                       : what_stands(a, service)));
        return;
    }
    /* Another service's 401 is about its tokens, not about who signed in here. */
    begin_error(&b, &w, info->status >= 500 ? err_info(ERR_UNAVAILABLE) : info,
                info->detail);
    if (reply->body.n > 0)
        jw_kraw(&w, "details", reply->body);
    end_error(a, info->status >= 500 ? err_info(ERR_UNAVAILABLE) : info, &b, &w);
}

/* ---- what was sent ---- */

static struct str find_param(struct api *a, struct str query, const char *name)
{
    struct str text;
    while (query.p && query.n > 0) {
        struct str value = str_cut(&query, '&');
        struct str key = str_cut(&value, '=');
        if (!str_eq(key, str_of(name)))
            continue;
        if (!value.p)
            return STR("");
        if (url_decode(value, true, &a->arena, &text) && utf8_check(text) == text.n)
            return text;
    }
    return (struct str){ 0 };
}

struct str api_param(struct api *a, const char *name)
{
    struct str found = find_param(a, http_query(a->http), name);
    static const struct str FORM = { "application/x-www-form-urlencoded", 33 };
    if (!found.p && str_starts(http_header(a->http, "Content-Type"), FORM))
        found = find_param(a, http_body(a->http), name);
    return found;
}

bool api_param_int(struct api *a, const char *name, int64_t min, int64_t max, int64_t def,
                   int64_t *ret)
{
    struct str text = api_param(a, name);
    *ret = def;
    if (!text.p || text.n == 0)
        return true;
    if (str_to_i64(text, ret) && *ret >= min && *ret <= max)
        return true;
    api_fail_field(a, name,
                   arena_printf(&a->arena, "Use a whole number from %lld to %lld.",
                                (long long)min, (long long)max),
                   -1);
    return false;
}

bool api_param_time(struct api *a, const char *name, int64_t def, int64_t *ret)
{
    struct str text = api_param(a, name);
    *ret = def;
    if (!text.p || text.n == 0)
        return true;
    if (event_parse_time(arena_str(&a->arena, text), ret))
        return true;
    api_fail_field(a, name, "Use a time like 2026-11-25T17:00:00Z.", -1);
    return false;
}

struct str api_rest(struct api *a)
{
    struct str text;
    bool fine =
        url_decode(a->rest, false, &a->arena, &text) && utf8_check(text) == text.n;
    return fine ? text : STR("");
}

bool api_body(struct api *a)
{
    struct str bytes = http_body(a->http);
    struct str type = http_header(a->http, "Content-Type");
    struct str media = str_trim(str_cut(&type, ';'));
    if (!str_eq_ci(media, STR("application/json"))) {
        api_fail(a, ERR_UNSUPPORTED_MEDIA_TYPE, NULL);
        return false;
    }
    a->body = json_loadb(bytes.p, bytes.n, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(a->body))
        return true;
    api_fail(a, ERR_PARSE, "The body must be a JSON object.");
    return false;
}

bool api_only(struct api *a, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach(a->body, key, value)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (known[i])
            continue;
        api_fail_field(a, arena_str(&a->arena, str_of(key)), "There is no such member.",
                       -1);
        return false;
    }
    return true;
}

const char *api_text(struct api *a, const char *key)
{
    return json_string_value(json_object_get(a->body, key));
}

/* ---- asking ---- */

static void add_actor(const struct api *a, struct frame *req, struct buf *meta)
{
    const struct session *s =
        access_by_serial(a->app->access, a->who.session, clock_mono_ms());
    record_add(meta, REC_CLIENT_ADDRESS, str_of(a->from.text));
    record_add(meta, REC_ACTOR_NAME, str_of(a->who.name));
    req->actor_role = a->who.role == ACCESS_ADMIN ? ROLE_ADMIN : ROLE_USER;
    if (!s)
        return;
    req->actor_id = s->user_id;
    if (s->has_sid)
        record_add(meta, REC_SESSION_ID,
                   (struct str){ (const char *)s->sid, sizeof s->sid });
}

static void on_reply(void *arg, enum err e, const struct frame *reply)
{
    struct api *a = arg;
    a->on_reply(a, e, reply);
}

void api_call(struct api *a, struct rpc_client *client, const char *method,
              struct str body, bool as_actor,
              void (*fn)(struct api *a, enum err e, const struct frame *reply))
{
    const struct contract_method *m = contract_by_name(a->app->svc->contract, method);
    struct frame req = { .method = m->number, .body = body };
    struct buf meta;
    buf_init(&meta, FRAME_META_MAX);
    if (body.n > 0)
        record_add(&meta, REC_CONTENT_TYPE, STR("application/json"));
    if (as_actor)
        add_actor(a, &req, &meta);
    req.meta = buf_get(&meta);
    id_uuid7(req.request_id);
    a->on_reply = fn;
    rpc_call(client, &req, m->timeout_ms, m->retry == RETRY_SAFE, on_reply, a);
    buf_deinit(&meta);
}

static void on_rows(void *arg, const struct db_result *r)
{
    struct api *a = arg;
    a->on_rows(a, r);
}

void api_query(struct api *a, const struct db_stmt *stmt, const struct str *params,
               unsigned n, void (*fn)(struct api *a, const struct db_result *r))
{
    enum { LIMIT_MS = 5000 };
    a->on_rows = fn;
    db_query(a->app->svc->db, stmt, params, n, LIMIT_MS, on_rows, a);
}

/* ---- documents ---- */

void api_begin(struct buf *b, struct jsonw *w)
{
    buf_init(b, ANSWER_MAX);
    jw_begin(w, b);
    jw_object(w);
}

void api_finish(struct api *a, struct buf *b, struct jsonw *w)
{
    jw_object_end(w);
    jw_end(w);
    if (b->overflow)
        api_fail(a, ERR_INTERNAL, "The answer is too long.");
    else
        api_reply(a, 200, buf_get(b));
    buf_deinit(b);
}

void api_ktime(struct jsonw *w, const char *key, int64_t wall_us)
{
    char at[CLOCK_TEXT_SIZE];
    jw_kcstr(w, key, wall_us ? clock_text(wall_us, at) : NULL);
}
