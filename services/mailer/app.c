#include "mailer/app.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/mem.h"
#include "mailer/handlers.h"
#include "svc/events.h"
#include "svc/exit.h"
#include "svc/log.h"

/* The letters that would be written, thrown away again. */
char *mailer_check(struct svc *svc)
{
    const struct mailer_config *cfg = svc->app_cfg;
    const struct letters_config letters = mailer_config_letters(cfg);
    const char *why = backend_check(cfg);
    char *sentence = NULL;
    if (why)
        return xstrdup(why);
    struct secret *key = keys_secret(svc->keys, "seal.key", &why);
    if (!key)
        return xasprintf("seal.key in KEYS_DIR %s", why);
    struct letters *l = letters_new(&letters, key, &sentence);
    secret_free(&key);
    letters_free(&l);
    if (!sentence || !*cfg->templates_dir)
        return sentence;
    AUTO_FREE char *inner = sentence;
    return xasprintf("MAILER_TEMPLATES_DIR: %s", inner);
}

static bool load_letters(struct mailer_app *app)
{
    const char *why = NULL;
    char *sentence = NULL;
    const struct letters_config letters = mailer_config_letters(app->cfg);
    struct secret *key = keys_secret(app->svc->keys, "seal.key", &why);
    if (!key) {
        log_fatal("mailer", "the key for sealed links cannot be read", F_STR("why", why));
        return false;
    }
    app->letters = letters_new(&letters, key, &sentence);
    secret_free(&key);
    if (!app->letters)
        log_fatal("mailer", "mails cannot be written", F_STR("why", sentence));
    free(sentence);
    return app->letters != NULL;
}

static bool open_backend(struct mailer_app *app)
{
    const char *why = NULL;
    app->backend = backend_open(app->svc->loop, app->cfg, &why);
    if (!app->backend)
        log_fatal("mailer", "mails cannot be handed over", F_STR("why", why));
    return app->backend != NULL;
}

bool mailer_init(struct svc *svc)
{
    static struct mailer_app app; /* one mailer a process */
    app.svc = svc;
    app.cfg = svc->app_cfg;
    svc->app = &app;
    svc->init_exit_code = EXIT_CONFIG; /* no restart helps against these */
    if (!load_letters(&app) || !open_backend(&app))
        return false;
    svc->init_exit_code = EXIT_MISSING;
    app.auth = svc_client(svc, "auth", app.cfg->auth_endpoint);
    if (!app.auth)
        return false;
    const struct mailer_config *cfg = app.cfg;
    if (mailer_config_backend(cfg) == BACKEND_SMTP && !cfg->use_tls && !cfg->use_ssl)
        log_warn("mailer", "mails travel without encryption", F_STR("host", cfg->host),
                 F_INT("port", cfg->port));
    return true;
}

void mailer_started(struct svc *svc)
{
    struct mailer_app *app = svc->app;
    app->queue = mailer_queue_start(app);
    app->intake = mailer_intake_start(app);
}

bool mailer_ready(struct svc *svc, const char **ret_why)
{
    const struct mailer_app *app = svc->app;
    if (!app->intake) {
        *ret_why = "starting";
        return false;
    }
    return mailer_intake_ready(app->intake, ret_why);
}

void mailer_drain(struct svc *svc)
{
    struct mailer_app *app = svc->app;
    if (app->queue)
        mailer_queue_drain(app->queue);
    if (app->intake)
        mailer_intake_stop(app->intake);
}

bool mailer_busy(struct svc *svc)
{
    const struct mailer_app *app = svc->app;
    return (app->queue && mailer_queue_busy(app->queue)) ||
           (app->intake && mailer_intake_busy(app->intake));
}

void mailer_deinit(struct svc *svc)
{
    struct mailer_app *app = svc->app;
    if (app->intake)
        mailer_intake_stop(app->intake);
    rpc_client_free(&app->auth);
    backend_close(&app->backend);
    if (app->queue)
        mailer_queue_stop(app->queue);
    letters_free(&app->letters);
}

void mailer_beat(struct svc *svc, struct jsonw *w)
{
    const struct mailer_app *app = svc->app;
    if (app->queue)
        mailer_queue_beat(app->queue, w);
    if (app->intake)
        mailer_intake_beat(app->intake, w);
}

/* --- verbs ------------------------------------------------------------------------- */

static struct letter_job sample_job(const char *template)
{
    return (struct letter_job){
        .job_id = STR("00000000-0000-5000-8000-000000000000"),
        .template = str_of(template),
        .recipient = STR("someone@example.com"),
        .params = STR("{\"username\":\"someone\",\"link_base\":\"http://localhost\"}"),
        .date_us = INT64_C(1799996400000000),
        .expires_us = INT64_C(1800000000000000),
    };
}

static void print_preview(const struct letter_view *v, bool html)
{
    if (html)
        printf("%.*s", STR_ARG(v->html));
    else
        printf("From: %.*s\nSubject: %.*s\n\n%.*s", STR_ARG(v->from), STR_ARG(v->subject),
               STR_ARG(v->text));
}

static int preview(struct svc *svc, int argc, char **argv)
{
    bool html = argc == 3 && strcmp(argv[2], "--html") == 0;
    char *why = NULL;
    if (argc != 2 + html) {
        fprintf(stderr, "Usage: mailer preview verification|welcome|password_reset|"
                        "password_changed|account_exists|session_ended [--html]\n");
        return EXIT_USAGE;
    }
    const struct letters_config letters = mailer_config_letters(svc->app_cfg);
    struct letters *l = letters_new(&letters, NULL, &why);
    if (!l) {
        fprintf(stderr, "The templates cannot be used: %s.\n", why);
        free(why);
        return EXIT_CONFIG;
    }
    struct arena a;
    struct letter_view view;
    struct letter_job job = sample_job(argv[1]);
    arena_init(&a);
    bool known = letter_preview(l, &job, &a, &view);
    if (known)
        print_preview(&view, html);
    else
        fprintf(stderr, "There is no template %s.\n", argv[1]);
    arena_deinit(&a);
    letters_free(&l);
    return known ? 0 : EXIT_USAGE;
}

static int accept_epoch(struct svc *svc, int argc, char **argv)
{
    (void)argv;
    return event_accept_epoch(svc, argc,
                              "update cursor set epoch = '', seq = 0"
                              " where stream = 'user' returning seq");
}

const struct svc_verb MAILER_VERBS[] = {
    { "preview", "preview TEMPLATE [--html]   print a mail as it would look", preview },
    { "accept-epoch", "accept-epoch                read the event stream as a new one",
      accept_epoch },
    { "reconcile", "reconcile [--since 24h]     who should have had a mail and did not",
      mailer_reconcile_verb },
    { 0 },
};

const struct rpc_handler MAILER_HANDLERS[] = {
    { "mailer.jobs.list", mailer_handle_jobs_list },
    { "mailer.jobs.show", mailer_handle_jobs_show },
    { "mailer.jobs.retry", mailer_handle_jobs_retry },
    { "mailer.jobs.revoke", mailer_handle_jobs_revoke },
    { "mailer.queue.status", mailer_handle_queue_status },
    { "mailer.queue.pause", mailer_handle_queue_pause },
    { "mailer.queue.resume", mailer_handle_queue_resume },
    { "mailer.queue.settings", mailer_handle_queue_settings },
    { "mailer.stats", mailer_handle_stats },
    { "mailer.actions.list", mailer_handle_actions_list },
    { "mailer.reconcile", mailer_handle_reconcile },
    { 0 },
};
