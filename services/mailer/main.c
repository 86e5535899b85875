/*
 * mailer: turns user events into mails and sends each one. It owns the mail jobs; the
 * stream they come from belongs to auth.
 */
#include "mailer/app.h"
#include "mailer/handlers.h"

extern const struct embed_file embed_mailer_sql[];

static const struct embed_file *const SQL[] = { embed_mailer_sql, NULL };

static const struct svc_def MAILER = {
    .name = "mailer",
    .purpose = "turns user events into mails and sends each one",
    .flags = SVC_HAS_DB,
    .peers = (const char *const[]){ "auth", NULL },
    .config_size = sizeof(struct mailer_config),
    .options = MAILER_OPTIONS,
    .handlers = MAILER_HANDLERS,
    .verbs = MAILER_VERBS,
    .sql = SQL,
    .db_connections = { 1, 1, 2 },
    .check = mailer_check,
    .init = mailer_init,
    .started = mailer_started,
    .ready = mailer_ready,
    .drain = mailer_drain,
    .busy = mailer_busy,
    .deinit = mailer_deinit,
    .beat = mailer_beat,
};

int main(int argc, char **argv)
{
    return svc_main(argc, argv, &MAILER);
}
