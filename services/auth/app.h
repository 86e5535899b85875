/* Everything auth owns while it runs, and what its handlers share. */
#ifndef AUTH_APP_H
#define AUTH_APP_H

#include "auth/config.h"
#include "auth/hash_pool.h"
#include "auth/password_rules.h"
#include "auth/signing.h"
#include "svc/metrics.h"
#include "svc/svc.h"

enum { AUTH_SEAL_KEY = 32, AUTH_REQUEST_KEY = 32, AUTH_IDENTITY_KEY = 32 };

struct auth_app {
    struct svc *svc;
    const struct auth_config *cfg;
    struct db *db;
    struct db_ids *user_ids;
    struct hash_pool *hashes;
    struct auth_signing *signing;
    struct event_publisher *events;
    struct auth_password_policy policy;
    struct auth_link_requests *link_requests;
    struct auth_lockout *lockout;
    struct metric *lockouts[2]; /* of a network, of all networks */
    struct loop_timer *prune;
    bool pruning;                          /* a batch is under way */
    uint8_t mailer_seal[AUTH_SEAL_KEY];    /* public key of what only the mailer opens */
    uint8_t request_key[AUTH_REQUEST_KEY]; /* of stored request hashes */
    uint8_t identity_key[AUTH_IDENTITY_KEY]; /* of names that were tried */
};

extern const struct rpc_handler AUTH_HANDLERS[];
extern const struct embed_file *const AUTH_SQL[];
extern const struct embed_file embed_auth_sql[];
extern const struct embed_file embed_auth_pages[];

/* The key of auth_identity, out of auth's master key; false with a log line. */
bool auth_identity_key(struct keys *keys, uint8_t out[static AUTH_IDENTITY_KEY]);

char *auth_check(struct svc *svc);
bool auth_init(struct svc *svc);
void auth_deinit(struct svc *svc);
bool auth_ready(struct svc *svc, const char **ret_why);
bool auth_busy(struct svc *svc);
void auth_beat(struct svc *svc, struct jsonw *w);

void auth_register(struct call *c);
void auth_login(struct call *c);
void auth_refresh(struct call *c);
void auth_verify_email(struct call *c);
void auth_verify_email_page(struct call *c);
void auth_forgot_password(struct call *c);
void auth_reset_password(struct call *c);
void auth_reset_password_page(struct call *c);
void auth_resend_verification(struct call *c);
void auth_me(struct call *c);
void auth_logout(struct call *c);
void auth_logout_all(struct call *c);
void auth_revocations(struct call *c);
void auth_jwks(struct call *c);
void auth_events_pull(struct call *c);
void auth_events_status(struct call *c);
void auth_mail_expected(struct call *c);
void auth_users_resend_verification(struct call *c);
void auth_users_correct_email(struct call *c);

/* How long a revocation matters: as long as an access token that was signed just then. */
int64_t auth_revocation_keep_us(const struct auth_app *app);

/* The hash under which the secret of a mailed link is kept: SHA-256 of its characters. */
enum { AUTH_LINK_TEXT = 43, AUTH_LINK_HASH = 32 };
void auth_link_hash(struct str token, uint8_t hash[static AUTH_LINK_HASH]);

/* Answers with a page that nobody may keep. status 0 = the contract's. */
void auth_reply_html(struct call *c, int status, struct str html);
/* Whether the caller is to be shown pages: the gateway negotiated text/html. */
bool auth_takes_html(const struct call *c);

/* Parameters; memory from the call's arena. */
struct str auth_time_param(struct call *c, int64_t wall_us);
struct str auth_int_param(struct call *c, int64_t v);
struct str auth_uuid_param(struct call *c, const uint8_t id[static 16]);
struct str auth_request_id(struct call *c);
struct str auth_trace_id(struct call *c);
struct str auth_span_id(struct call *c);
/* "" when absent or not text. */
struct str auth_client(struct call *c);
struct str auth_user_agent(struct call *c);

#endif
