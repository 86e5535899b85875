/* catalog.product.*: one product. */
#include "catalog/app.h"
#include "catalog/etag.h"
#include "catalog/idempotency.h"
#include "catalog/render.h"

enum { COL_OWNER = 8, COL_VERSION = 9 }; /* of product_show */
enum { GUARD_TRIES = 3 };

static const struct db_stmt SHOW = { "product_show", DB_POINT };
static const struct db_stmt CATEGORY = { "category_exists", DB_POINT };
static const struct db_stmt CREATE = { "product_create", DB_WRITE };
static const struct db_stmt UPDATE = { "product_update", DB_WRITE };
static const struct db_stmt DELETE = { "product_delete", DB_WRITE };

static void render(const struct db_result *r, int row, int first, struct buf *out)
{
    struct jsonw w;
    jw_begin(&w, out);
    catalog_render_product(&w, r, row, first);
    jw_end(&w);
}

static bool is_admin(const struct call *c)
{
    return c->frame.actor_role == ROLE_ADMIN;
}

static const char *no_category(struct call *c, int64_t category)
{
    return arena_printf(&c->arena, "Invalid pk \"%lld\" - object does not exist.",
                        (long long)category);
}

static void fail_category(struct call *c, int64_t category)
{
    call_fail_field(c, "category", no_category(c, category));
}

/* ---- a body that is wrong ---------------------------------------------------- */

struct bad_body {
    struct call *call;
    enum err why;
    struct str details;
    int64_t category;
};

static void on_category(void *arg, const struct db_result *r, int row)
{
    const struct bad_body *b = arg;
    struct call *c = b->call;
    if (r->status != DB_OK || row >= 0) { /* it is not needed to tell what is wrong */
        call_fail_details(c, b->why, b->details);
        return;
    }
    AUTO_BUF struct buf all;
    buf_init(&all, CATALOG_BODY_MAX);
    /* The category is the body's last field. */
    buf_add(&all, b->details.p, b->details.n - 1);
    buf_cstr(&all, ",\"category\":[\"");
    json_escape(&all, str_of(no_category(c, b->category)));
    buf_cstr(&all, "\"]}");
    call_fail_details(c, b->why, buf_get(&all));
}

/* True when the category is the one field that nobody has judged yet. */
static bool category_is_open(const struct call *c, const struct bad_body *b)
{
    static const char MEMBER[] = "\"category\":[";
    return b->why == ERR_VALIDATION && c->body.schema &&
           values_has(&c->body, "category") &&
           values_get(&c->body, "category")->kind == VALUE_INT &&
           !memmem(b->details.p, b->details.n, MEMBER, sizeof(MEMBER) - 1);
}

/* Tells all that is wrong with a body, its category included. */
static void refuse_body(struct bad_body *b)
{
    struct call *c = b->call;
    struct catalog_app *app = c->app;
    if (!category_is_open(c, b)) {
        call_fail_details(c, b->why, b->details);
        return;
    }
    b->category = values_get(&c->body, "category")->i;
    db_lookup(app->db, &CATEGORY, b->category, call_budget_ms(c), on_category, b);
}

/* The verdict on the body; NULL when it is good, and then c->body is filled. */
static struct bad_body *check_body(struct call *c, enum schema_mode mode)
{
    AUTO_BUF struct buf details;
    buf_init(&details, CATALOG_BODY_MAX);
    c->body = (struct values){ 0 }; /* stays so when the body is no object */
    enum err why = call_body_check(c, mode, &details);
    if (why == ERR_OK)
        return NULL;
    struct bad_body *b = arena_alloc(&c->arena, sizeof(*b));
    *b = (struct bad_body){ c, why, arena_dup(&c->arena, buf_get(&details)), 0 };
    return b;
}

/* ---- show -------------------------------------------------------------------- */

static void reply_shown(struct call *c, const struct db_result *r, int row)
{
    AUTO_BUF struct buf out;
    buf_init(&out, CATALOG_BODY_MAX);
    render(r, row, 0, &out);
    catalog_reply_read(c, buf_get(&out), false);
}

static void on_shown(void *arg, const struct db_result *r, int row)
{
    struct call *c = arg;
    if (r->status != DB_OK)
        catalog_fail_query(c, &SHOW, r);
    else if (row < 0)
        call_fail(c, ERR_NOT_FOUND);
    else
        reply_shown(c, r, row);
}

void catalog_product_show(struct call *c)
{
    struct catalog_app *app = c->app;
    int64_t id;
    if (call_path_id(c, 0, &id))
        db_lookup(app->db, &SHOW, id, call_budget_ms(c), on_shown, c);
    else
        call_fail(c, ERR_NOT_FOUND);
}

/* ---- create ------------------------------------------------------------------ */

struct creation {
    struct call *call;
    struct catalog_product product;
    struct catalog_claim claim;
    int tries;
};

static void send_creation(struct creation *n);

static void on_created(void *arg, const struct db_result *r)
{
    struct creation *n = arg;
    struct call *c = n->call;
    struct str what = db_text(r, 0, 0);
    if (r->status == DB_FOREIGN_KEY) /* the category went away meanwhile */
        fail_category(c, n->product.category_id);
    else if (r->status != DB_OK)
        catalog_fail_query(c, &CREATE, r);
    else if (str_eq(what, STR("new")) || str_eq(what, STR("replay")))
        catalog_written(c, db_text(r, 0, 1));
    else if (str_eq(what, STR("mismatch")))
        call_fail(c, ERR_IDEMPOTENCY_MISMATCH);
    else if (str_eq(what, STR("no_category")))
        fail_category(c, n->product.category_id);
    else if (++n->tries < CATALOG_CLAIM_TRIES)
        send_creation(n); /* the other one has committed: its answer is there now */
    else
        call_fail(c, ERR_IN_PROGRESS);
}

static void send_creation(struct creation *n)
{
    struct call *c = n->call;
    struct catalog_app *app = c->app;
    const struct catalog_product *p = &n->product;
    int64_t user_version = 0;
    AUTO_BUF struct buf before, after;
    buf_init(&before, 256);
    buf_init(&after, CATALOG_BODY_MAX);
    catalog_render_new_product(p, &before, &after);
    record_get_i64(c->frame.meta, REC_USER_VERSION, &user_version);
    struct str params[] = { catalog_int(c, p->id),
                            p->name,
                            p->description,
                            p->price,
                            p->created_at,
                            catalog_int(c, p->category_id),
                            catalog_int(c, c->frame.actor_id),
                            p->creator,
                            catalog_int(c, user_version),
                            buf_get(&before),
                            buf_get(&after),
                            n->claim.key,
                            n->claim.hash,
                            n->claim.oldest };
    db_query(app->db, &CREATE, params, ARRAY_LEN(params), call_budget_ms(c), on_created,
             n);
}

static void on_id(void *arg, int64_t id)
{
    struct creation *n = arg;
    n->product.id = id;
    if (id > 0)
        send_creation(n);
    else
        call_fail(n->call, ERR_UNAVAILABLE);
}

void catalog_product_create(struct call *c)
{
    struct catalog_app *app = c->app;
    struct creation *n = arena_alloc(&c->arena, sizeof(*n));
    if (c->frame.actor_id <= 0) {
        call_fail(c, ERR_NOT_AUTHENTICATED);
        return;
    }
    struct bad_body *bad = check_body(c, SCHEMA_FULL);
    if (bad) {
        refuse_body(bad);
        return;
    }
    if (!catalog_claim_read(c, &n->claim))
        return;
    struct str description = catalog_given(c, "description");
    n->call = c;
    n->product = (struct catalog_product){
        .category_id = values_get(&c->body, "category")->i,
        .creator = c->actor_name.n > 0 ? c->actor_name : db_null(),
        .name = catalog_given(c, "name"),
        .description = description.p ? description : STR(""),
        .price = catalog_given(c, "price"),
        .created_at = catalog_now(c),
    };
    db_ids_take(app->product_ids, call_budget_ms(c), on_id, n);
}

/* ---- writes under If-Match --------------------------------------------------- */

/* A change or a deletion. With If-Match the product is read and its tag compared first;
 * the write then asks for the version that was read. */
struct change {
    struct call *call;
    void (*send)(struct change *w);
    int64_t id, version; /* version 0: any */
    int tries;
};

static bool may_change(const struct call *c, const struct db_result *r, int row)
{
    return is_admin(c) || db_int(r, row, COL_OWNER) == c->frame.actor_id;
}

static bool is_expected(const struct call *c, const struct db_result *r, int row)
{
    char text[CATALOG_ETAG_SIZE];
    AUTO_BUF struct buf out;
    buf_init(&out, CATALOG_BODY_MAX);
    render(r, row, 0, &out);
    return catalog_etag_matches(call_record(c, REC_IF_MATCH),
                                catalog_etag(buf_get(&out), false, text));
}

static void on_guard(void *arg, const struct db_result *r, int row)
{
    struct change *w = arg;
    struct call *c = w->call;
    if (r->status != DB_OK) {
        catalog_fail_query(c, &SHOW, r);
    } else if (row < 0) {
        call_fail(c, ERR_NOT_FOUND);
    } else if (!may_change(c, r, row)) {
        call_fail(c, ERR_PERMISSION_DENIED);
    } else if (!is_expected(c, r, row)) {
        call_fail(c, ERR_PRECONDITION_FAILED);
    } else {
        w->version = db_int(r, row, COL_VERSION);
        w->send(w);
    }
}

static void begin_change(struct change *w)
{
    const struct catalog_app *app = w->call->app;
    if (call_record(w->call, REC_IF_MATCH).n == 0)
        w->send(w);
    else
        db_lookup(app->db, &SHOW, w->id, call_budget_ms(w->call), on_guard, w);
}

static struct str version_param(const struct change *w)
{
    return w->version > 0 ? catalog_int(w->call, w->version) : db_null();
}

/* Somebody changed it between our read and our write: look again. */
static void fail_verdict(struct change *w, struct str what)
{
    if (!str_eq(what, STR("changed")))
        call_fail(w->call,
                  str_eq(what, STR("denied")) ? ERR_PERMISSION_DENIED : ERR_NOT_FOUND);
    else if (++w->tries < GUARD_TRIES)
        begin_change(w);
    else
        call_fail(w->call, ERR_PRECONDITION_FAILED);
}

/* ---- change ------------------------------------------------------------------ */

/* The body of a change is wrong: the product's existence and owner decide first. */
static void on_bad_change(void *arg, const struct db_result *r, int row)
{
    struct bad_body *b = arg;
    struct call *c = b->call;
    if (r->status != DB_OK)
        catalog_fail_query(c, &SHOW, r);
    else if (row < 0)
        call_fail(c, ERR_NOT_FOUND);
    else if (!may_change(c, r, row))
        call_fail(c, ERR_PERMISSION_DENIED);
    else
        refuse_body(b);
}

static void reply_updated(struct call *c, const struct db_result *r)
{
    AUTO_BUF struct buf out;
    buf_init(&out, CATALOG_BODY_MAX);
    render(r, 0, 1, &out);
    catalog_written(c, buf_get(&out));
}

static void on_updated(void *arg, const struct db_result *r)
{
    struct change *w = arg;
    struct call *c = w->call;
    struct str what = db_text(r, 0, 0);
    bool no_category = r->status == DB_FOREIGN_KEY || str_eq(what, STR("no_category"));
    if (no_category)
        fail_category(c, values_get(&c->body, "category")->i);
    else if (r->status != DB_OK)
        catalog_fail_query(c, &UPDATE, r);
    else if (str_eq(what, STR("done")))
        reply_updated(c, r);
    else
        fail_verdict(w, what);
}

static void send_update(struct change *w)
{
    struct call *c = w->call;
    struct catalog_app *app = c->app;
    bool moves = values_has(&c->body, "category");
    struct str params[] = {
        catalog_int(c, w->id),
        catalog_int(c, c->frame.actor_id),
        is_admin(c) ? STR("t") : STR("f"),
        catalog_given(c, "name"),
        catalog_given(c, "description"),
        catalog_given(c, "price"),
        moves ? catalog_int(c, values_get(&c->body, "category")->i) : db_null(),
        version_param(w),
    };
    db_query(app->db, &UPDATE, params, ARRAY_LEN(params), call_budget_ms(c), on_updated,
             w);
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

static void change(struct call *c, enum schema_mode mode)
{
    struct catalog_app *app = c->app;
    struct change *w = change_of(c, send_update);
    if (!w)
        return;
    struct bad_body *bad = check_body(c, mode);
    if (bad)
        db_lookup(app->db, &SHOW, w->id, call_budget_ms(c), on_bad_change, bad);
    else
        begin_change(w);
}

void catalog_product_replace(struct call *c)
{
    change(c, SCHEMA_FULL);
}

void catalog_product_patch(struct call *c)
{
    change(c, SCHEMA_PARTIAL);
}

/* ---- delete ------------------------------------------------------------------ */

static void on_deleted(void *arg, const struct db_result *r)
{
    struct change *w = arg;
    if (r->status != DB_OK)
        catalog_fail_query(w->call, &DELETE, r);
    else if (str_eq(db_text(r, 0, 0), STR("done")))
        catalog_written(w->call, STR(""));
    else
        fail_verdict(w, db_text(r, 0, 0));
}

static void send_deletion(struct change *w)
{
    struct call *c = w->call;
    struct catalog_app *app = c->app;
    struct str params[] = { catalog_int(c, w->id), catalog_int(c, c->frame.actor_id),
                            is_admin(c) ? STR("t") : STR("f"), version_param(w) };
    db_query(app->db, &DELETE, params, ARRAY_LEN(params), call_budget_ms(c), on_deleted,
             w);
}

void catalog_product_delete(struct call *c)
{
    struct change *w = change_of(c, send_deletion);
    if (w)
        begin_change(w);
}
