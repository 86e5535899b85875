/*
 * auth: who a user is. It owns accounts, sessions, signing keys and the audit trail, and
 * it publishes what happens to users as a stream of events that is never lost.
 */
#include "auth/app.h"
#include "auth/superuser.h"

static const struct svc_def AUTH = {
    .name = "auth",
    .purpose = "accounts, sessions, signing keys and the user event stream",
    .flags = SVC_HAS_DB,
    .config_size = sizeof(struct auth_config),
    .options = AUTH_OPTIONS,
    .handlers = AUTH_HANDLERS,
    .verbs = AUTH_VERBS,
    .sql = AUTH_SQL,
    .db_connections = { [DB_POINT] = 1, [DB_LIST] = 1, [DB_WRITE] = 4 },
    .check = auth_check,
    .init = auth_init,
    .ready = auth_ready,
    .busy = auth_busy,
    .deinit = auth_deinit,
    .beat = auth_beat,
};

int main(int argc, char **argv)
{
    return svc_main(argc, argv, &AUTH);
}
