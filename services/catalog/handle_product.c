/* catalog.product.*: one product. */
#include "catalog/app.h"
#include "catalog/idempotency.h"
#include "catalog/render.h"

enum { COL_OWNER = 8 }; /* of product_show */

static const struct db_stmt SHOW = { "product_show", DB_POINT };
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

static void fail_category(struct call *c, int64_t category)
{
    call_fail_field(c, "category",
                    arena_printf(&c->arena,
                                 "Invalid pk \"%lld\" - object does not exist.",
                                 (long long)category));
}

/* ---- show -------------------------------------------------------------------- */

static void reply_shown(struct call *c, const struct db_result *r, int row)
{
    AUTO_BUF struct buf out;
    buf_init(&out, CATALOG_BODY_MAX);
    render(r, row, 0, &out);
    call_reply(c, 0, buf_get(&out));
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
    if (!call_body(c, SCHEMA_FULL) || !catalog_claim_read(c, &n->claim))
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

/* ---- change ------------------------------------------------------------------ */

/* A change whose body is wrong: the product's existence and owner decide first. */
struct bad_change {
    struct call *call;
    enum err why;
    struct str details;
};

static void on_bad_change(void *arg, const struct db_result *r, int row)
{
    const struct bad_change *b = arg;
    struct call *c = b->call;
    if (r->status != DB_OK)
        catalog_fail_query(c, &SHOW, r);
    else if (row < 0)
        call_fail(c, ERR_NOT_FOUND);
    else if (!is_admin(c) && db_int(r, row, COL_OWNER) != c->frame.actor_id)
        call_fail(c, ERR_PERMISSION_DENIED);
    else
        call_fail_details(c, b->why, b->details);
}

static void refuse_change(struct call *c, int64_t id, enum err why, struct str details)
{
    struct catalog_app *app = c->app;
    struct bad_change *b = arena_alloc(&c->arena, sizeof(*b));
    *b = (struct bad_change){ c, why, arena_dup(&c->arena, details) };
    db_lookup(app->db, &SHOW, id, call_budget_ms(c), on_bad_change, b);
}

static void fail_verdict(struct call *c, struct str what)
{
    call_fail(c, str_eq(what, STR("denied")) ? ERR_PERMISSION_DENIED : ERR_NOT_FOUND);
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
    struct call *c = arg;
    struct str what = db_text(r, 0, 0);
    bool no_category = r->status == DB_FOREIGN_KEY || str_eq(what, STR("no_category"));
    if (no_category)
        fail_category(c, values_get(&c->body, "category")->i);
    else if (r->status != DB_OK)
        catalog_fail_query(c, &UPDATE, r);
    else if (str_eq(what, STR("done")))
        reply_updated(c, r);
    else
        fail_verdict(c, what);
}

static void change(struct call *c, enum schema_mode mode)
{
    struct catalog_app *app = c->app;
    int64_t id;
    if (!call_path_id(c, 0, &id)) {
        call_fail(c, ERR_NOT_FOUND);
        return;
    }
    AUTO_BUF struct buf details;
    buf_init(&details, CATALOG_BODY_MAX);
    enum err why = call_body_check(c, mode, &details);
    if (why != ERR_OK) {
        refuse_change(c, id, why, buf_get(&details));
        return;
    }
    if (!call_body(c, mode))
        return;
    bool moves = values_has(&c->body, "category");
    struct str params[] = {
        catalog_int(c, id),
        catalog_int(c, c->frame.actor_id),
        is_admin(c) ? STR("t") : STR("f"),
        catalog_given(c, "name"),
        catalog_given(c, "description"),
        catalog_given(c, "price"),
        moves ? catalog_int(c, values_get(&c->body, "category")->i) : db_null(),
    };
    db_query(app->db, &UPDATE, params, ARRAY_LEN(params), call_budget_ms(c), on_updated,
             c);
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
    struct call *c = arg;
    if (r->status != DB_OK)
        catalog_fail_query(c, &DELETE, r);
    else if (str_eq(db_text(r, 0, 0), STR("done")))
        catalog_written(c, STR(""));
    else
        fail_verdict(c, db_text(r, 0, 0));
}

void catalog_product_delete(struct call *c)
{
    struct catalog_app *app = c->app;
    int64_t id;
    if (!call_path_id(c, 0, &id)) {
        call_fail(c, ERR_NOT_FOUND);
        return;
    }
    struct str params[] = { catalog_int(c, id), catalog_int(c, c->frame.actor_id),
                            is_admin(c) ? STR("t") : STR("f") };
    db_query(app->db, &DELETE, params, ARRAY_LEN(params), call_budget_ms(c), on_deleted,
             c);
}
