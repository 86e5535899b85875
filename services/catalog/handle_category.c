/* catalog.category.*: the list and one category. Writes are for administrators. */
#include "catalog/app.h"
#include "catalog/etag.h"
#include "catalog/idempotency.h"
#include "catalog/list.h"
#include "catalog/render.h"
#include "svc/log.h"

enum { DELETE_TRIES = 3, GUARD_TRIES = 3 };
enum { COL_VERSION = 11 }; /* of category_show */

static const struct db_stmt LIST = { "category_list", DB_LIST };
static const struct db_stmt SHOW = { "category_show", DB_LIST };
static const struct db_stmt EXISTS = { "category_exists", DB_POINT };
static const struct db_stmt CREATE = { "category_create", DB_WRITE };
static const struct db_stmt UPDATE = { "category_update", DB_WRITE };
static const struct db_stmt DELETE = { "category_delete", DB_WRITE };

static void fail_write(struct call *c, const struct db_stmt *stmt,
                       const struct db_result *r)
{
    if (r->status == DB_CONFLICT && strcmp(db_constraint(r), "category_name_key") == 0)
        call_fail_field(c, "name", "category with this name already exists.");
    else
        catalog_fail_query(c, stmt, r);
}

/* ---- list -------------------------------------------------------------------- */

struct category_list {
    struct call *call;
    struct catalog_page page;
};

static void on_listed(void *arg, const struct db_result *r)
{
    struct category_list *l = arg;
    if (r->status != DB_OK)
        catalog_fail_query(l->call, &LIST, r);
    else
        catalog_list_reply(l->call, &l->page, "/api/categories/", r,
                           catalog_render_category);
}

void catalog_category_list(struct call *c)
{
    struct catalog_app *app = c->app;
    struct category_list *l = arena_alloc(&c->arena, sizeof(*l));
    l->call = c;
    if (!call_query(c) || !catalog_list_page(c, &l->page))
        return;
    struct str params[] = { catalog_int(c, l->page.size),
                            catalog_int(c, l->page.number) };
    db_query(app->db, &LIST, params, ARRAY_LEN(params), call_budget_ms(c), on_listed, l);
}

/* ---- show -------------------------------------------------------------------- */

static void render_shown(const struct db_result *r, struct buf *out)
{
    struct jsonw w;
    jw_begin(&w, out);
    jw_object(&w);
    jw_kraw(&w, "id", db_text(r, 0, 0));
    jw_kstr(&w, "name", db_text(r, 0, 1));
    jw_kstr(&w, "description", db_text(r, 0, 2));
    jw_key(&w, "products");
    jw_array(&w);
    for (int row = 0; row < r->rows && !db_is_null(r, row, 3); row++)
        catalog_render_product(&w, r, row, 3);
    jw_array_end(&w);
    jw_object_end(&w);
    jw_end(&w);
}

static void on_shown(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    if (r->status != DB_OK || r->rows == 0) {
        call_fail(c, r->status == DB_OK ? ERR_NOT_FOUND : db_err(&SHOW, r));
        return;
    }
    AUTO_BUF struct buf out;
    buf_init(&out, CATALOG_BODY_MAX);
    render_shown(r, &out);
    if (out.overflow)
        call_fail(c, ERR_INTERNAL);
    else
        catalog_reply_read(c, buf_get(&out), false);
}

void catalog_category_show(struct call *c)
{
    struct catalog_app *app = c->app;
    int64_t id;
    if (!call_path_id(c, 0, &id)) {
        call_fail(c, ERR_NOT_FOUND);
        return;
    }
    struct str param = catalog_int(c, id);
    db_query(app->db, &SHOW, &param, 1, call_budget_ms(c), on_shown, c);
}

/* ---- create ------------------------------------------------------------------ */

struct creation {
    struct call *call;
    int64_t id;
    struct str name, description, created_at;
    struct catalog_claim claim;
    int tries;
};

static void send_creation(struct creation *n);

static void on_created(void *arg, const struct db_result *r)
{
    struct creation *n = arg;
    struct call *c = n->call;
    struct str what = db_text(r, 0, 0);
    if (r->status != DB_OK)
        fail_write(c, &CREATE, r);
    else if (str_eq(what, STR("new")) || str_eq(what, STR("replay")))
        catalog_written(c, db_text(r, 0, 1));
    else if (str_eq(what, STR("mismatch")))
        call_fail(c, ERR_IDEMPOTENCY_MISMATCH);
    else if (++n->tries < CATALOG_CLAIM_TRIES)
        send_creation(n); /* the other one has committed: its answer is there now */
    else
        call_fail(c, ERR_IN_PROGRESS);
}

static void render_new(const struct creation *n, struct buf *out)
{
    struct jsonw w;
    jw_begin(&w, out);
    jw_object(&w);
    jw_kint(&w, "id", n->id);
    jw_kstr(&w, "name", n->name);
    jw_kstr(&w, "description", n->description);
    jw_kstr(&w, "created_at", n->created_at);
    jw_object_end(&w);
    jw_end(&w);
}

static void send_creation(struct creation *n)
{
    struct call *c = n->call;
    struct catalog_app *app = c->app;
    AUTO_BUF struct buf body;
    buf_init(&body, CATALOG_BODY_MAX);
    render_new(n, &body);
    struct str params[] = { catalog_int(c, n->id), n->name,
                            n->description,        n->created_at,
                            buf_get(&body),        catalog_int(c, c->frame.actor_id),
                            n->claim.key,          n->claim.hash,
                            n->claim.oldest };
    db_query(app->db, &CREATE, params, ARRAY_LEN(params), call_budget_ms(c), on_created,
             n);
}

static void on_id(void *arg, int64_t id)
{
    struct creation *n = arg;
    n->id = id;
    if (id > 0)
        send_creation(n);
    else
        call_fail(n->call, ERR_UNAVAILABLE);
}

void catalog_category_create(struct call *c)
{
    struct catalog_app *app = c->app;
    struct creation *n = arena_alloc(&c->arena, sizeof(*n));
    if (!catalog_admin_only(c) || !call_body(c, SCHEMA_FULL) ||
        !catalog_claim_read(c, &n->claim))
        return;
    struct str description = catalog_given(c, "description");
    n->call = c;
    n->name = catalog_given(c, "name");
    n->description = description.p ? description : STR("");
    n->created_at = catalog_now(c);
    db_ids_take(app->category_ids, call_budget_ms(c), on_id, n);
}

/* ---- writes under If-Match --------------------------------------------------- */

/* A change or a deletion. With If-Match the category is read as clients see it and its
 * tag compared first; the write then asks for the version that was read. */
struct change {
    struct call *call;
    void (*send)(struct change *w);
    int64_t id, version; /* version 0: any */
    bool cascade;        /* of a deletion */
    int tries, guard_tries;
};

static bool is_expected(const struct call *c, const struct db_result *r)
{
    char text[CATALOG_ETAG_SIZE];
    AUTO_BUF struct buf out;
    buf_init(&out, CATALOG_BODY_MAX);
    render_shown(r, &out);
    return catalog_etag_matches(call_record(c, REC_IF_MATCH),
                                catalog_etag(buf_get(&out), false, text));
}

static void on_guard(void *arg, const struct db_result *r)
{
    struct change *w = arg;
    struct call *c = w->call;
    if (r->status != DB_OK) {
        catalog_fail_query(c, &SHOW, r);
    } else if (r->rows == 0) {
        call_fail(c, ERR_NOT_FOUND);
    } else if (!is_expected(c, r)) {
        call_fail(c, ERR_PRECONDITION_FAILED);
    } else {
        w->version = db_int(r, 0, COL_VERSION);
        w->send(w);
    }
}

static void begin_change(struct change *w)
{
    struct call *c = w->call;
    struct catalog_app *app = c->app;
    struct str id = catalog_int(c, w->id);
    if (call_record(c, REC_IF_MATCH).n == 0)
        w->send(w);
    else
        db_query(app->db, &SHOW, &id, 1, call_budget_ms(c), on_guard, w);
}

/* It went away or was changed between our read and our write: look again. */
static void begin_again(struct change *w)
{
    if (++w->guard_tries < GUARD_TRIES)
        begin_change(w);
    else
        call_fail(w->call, ERR_PRECONDITION_FAILED);
}

static struct str version_param(const struct change *w)
{
    return w->version > 0 ? catalog_int(w->call, w->version) : db_null();
}

/* NULL: the call has been answered. */
static struct change *change_of(struct call *c, void (*send)(struct change *w))
{
    struct change *w = arena_alloc(&c->arena, sizeof(*w));
    *w = (struct change){ .call = c, .send = send };
    if (call_path_id(c, 0, &w->id))
        return w;
    call_fail(c, ERR_NOT_FOUND);
    return NULL;
}

/* ---- change ------------------------------------------------------------------ */

/* A change whose body is wrong: whether the category exists decides first. */
struct bad_change {
    struct call *call;
    enum err why;
    struct str details;
};

static void on_bad_change(void *arg, const struct db_result *r, int row)
{
    const struct bad_change *b = arg;
    if (r->status != DB_OK)
        catalog_fail_query(b->call, &EXISTS, r);
    else if (row < 0)
        call_fail(b->call, ERR_NOT_FOUND);
    else
        call_fail_details(b->call, b->why, b->details);
}

static void refuse_change(struct call *c, int64_t id, enum err why, struct str details)
{
    struct catalog_app *app = c->app;
    struct bad_change *b = arena_alloc(&c->arena, sizeof(*b));
    *b = (struct bad_change){ c, why, arena_dup(&c->arena, details) };
    db_lookup(app->db, &EXISTS, id, call_budget_ms(c), on_bad_change, b);
}

static void reply_updated(struct call *c, const struct db_result *r)
{
    AUTO_BUF struct buf out;
    struct jsonw w;
    buf_init(&out, CATALOG_BODY_MAX);
    jw_begin(&w, &out);
    catalog_render_category(&w, r, 0, 0);
    jw_end(&w);
    catalog_written(c, buf_get(&out));
}

static void on_updated(void *arg, const struct db_result *r)
{
    struct change *w = arg;
    if (r->status != DB_OK)
        fail_write(w->call, &UPDATE, r);
    else if (r->rows > 0)
        reply_updated(w->call, r);
    else if (w->version > 0)
        begin_again(w);
    else
        call_fail(w->call, ERR_NOT_FOUND);
}

static void send_update(struct change *w)
{
    struct call *c = w->call;
    struct catalog_app *app = c->app;
    struct str params[] = { catalog_int(c, w->id), catalog_given(c, "name"),
                            catalog_given(c, "description"), version_param(w) };
    db_query(app->db, &UPDATE, params, ARRAY_LEN(params), call_budget_ms(c), on_updated,
             w);
}

static void change(struct call *c, enum schema_mode mode)
{
    struct change *w = catalog_admin_only(c) ? change_of(c, send_update) : NULL;
    if (!w)
        return;
    AUTO_BUF struct buf details;
    buf_init(&details, CATALOG_BODY_MAX);
    enum err why = call_body_check(c, mode, &details);
    if (why != ERR_OK)
        refuse_change(c, w->id, why, buf_get(&details));
    else
        begin_change(w);
}

void catalog_category_replace(struct call *c)
{
    change(c, SCHEMA_FULL);
}

void catalog_category_patch(struct call *c)
{
    change(c, SCHEMA_PARTIAL);
}

/* ---- delete ------------------------------------------------------------------ */

static void send_deletion(struct change *w);

static void fail_held(struct call *c, int64_t products)
{
    const char *details = arena_printf(
        &c->arena,
        "{\"detail\":\"The category has %lld product%s. Delete them first, or use "
        "?cascade=true.\",\"products\":%lld}",
        (long long)products, products == 1 ? "" : "s", (long long)products);
    call_fail_details(c, ERR_CONFLICT, str_of(details));
}

static void on_deleted(void *arg, const struct db_result *r)
{
    struct change *d = arg;
    struct call *c = d->call;
    struct str what = db_text(r, 0, 0);
    if (r->status == DB_FOREIGN_KEY && ++d->tries < DELETE_TRIES) {
        send_deletion(d); /* a product was added meanwhile: look again */
    } else if (r->status != DB_OK) {
        catalog_fail_query(c, &DELETE, r);
    } else if (str_eq(what, STR("missing"))) {
        call_fail(c, ERR_NOT_FOUND);
    } else if (str_eq(what, STR("changed"))) {
        begin_again(d);
    } else if (str_eq(what, STR("held"))) {
        fail_held(c, db_int(r, 0, 1));
    } else {
        log_info("catalog", "category deleted", F_INT("category", d->id),
                 F_INT("products", db_int(r, 0, 2)), F_INT("actor", c->frame.actor_id),
                 F_ID("request_id", c->frame.request_id));
        catalog_written(c, STR(""));
    }
}

static void send_deletion(struct change *d)
{
    struct call *c = d->call;
    struct catalog_app *app = c->app;
    struct str params[] = { catalog_int(c, d->id), d->cascade ? STR("t") : STR("f"),
                            version_param(d) };
    db_query(app->db, &DELETE, params, ARRAY_LEN(params), call_budget_ms(c), on_deleted,
             d);
}

void catalog_category_delete(struct call *c)
{
    struct change *d = catalog_admin_only(c) ? change_of(c, send_deletion) : NULL;
    if (!d)
        return;
    AUTO_BUF struct buf details;
    buf_init(&details, CATALOG_BODY_MAX);
    enum err why = call_query_check(c, &details);
    if (why != ERR_OK)
        return refuse_change(c, d->id, why, buf_get(&details));
    d->cascade = values_get(&c->query, "cascade")->i != 0;
    begin_change(d);
}
