#include "svc/svc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "svc/log.h"
#include "svc/svc_private.h"
#include "svc/trial.h"

/* One daemon in one process: the boot's own state beside struct svc. */
struct boot {
    struct svc *svc;
    struct ops *ops;
    struct trial *trial; /* of the lock of the RPC port; NULL: over */
    struct loop_timer *ready_timer, *drain_timer, *give_up_timer;
    int64_t started_ms;
    bool announced;
    int exit_code;
    int signal_fd;
};

static struct boot boot; /* what the signal and timer callbacks work on */

void svc_exit(struct svc *svc, int code)
{
    boot.exit_code = code;
    loop_stop(svc->loop);
}

/* ---- ready ---- */

bool svc_draining(const struct svc *svc)
{
    return svc->draining || rpc_server_draining(svc->rpc);
}

bool svc_ready(struct svc *svc, const char **ret_why)
{
    *ret_why = NULL;
    if (svc_draining(svc)) {
        *ret_why = "draining";
        return false;
    }
    if (boot.trial) {
        *ret_why = "the lock of the RPC port is being tried";
        return false;
    }
    if (svc->db && !(svc->def->flags & SVC_DB_OPTIONAL) && !db_ready(svc->db)) {
        *ret_why = "no database connection";
        return false;
    }
    return !svc->def->ready || svc->def->ready(svc, ret_why);
}

static void check_ready(void *arg)
{
    enum { STARTING_MS = 20, STEADY_MS = 500 };
    struct svc *svc = arg;
    const char *why;
    boot.ready_timer = NULL;
    bool ready = svc_ready(svc, &why);
    ops_set_ready(boot.ops, ready, why ? why : "");
    if (ready && !boot.announced) {
        boot.announced = true;
        log_info("svc", "ready", F_STR("version", SVC_VERSION),
                 F_STR("rpc", rpc_server_endpoint(svc->rpc)),
                 F_STR("ops", ops_address(boot.ops)),
                 F_INT("after_ms", clock_mono_ms() - boot.started_ms));
    }
    boot.ready_timer = loop_timer(svc->loop, boot.announced ? STEADY_MS : STARTING_MS, 0,
                                  check_ready, svc);
}

/* ---- drain ---- */

static void finish_when_idle(void *arg)
{
    struct svc *svc = arg;
    if (rpc_server_in_flight(svc->rpc) > 0 || !rpc_server_settled(svc->rpc))
        return;
    if (svc->def->busy && svc->def->busy(svc))
        return;
    svc_exit(svc, 0);
}

static void give_up(void *arg)
{
    struct svc *svc = arg;
    boot.give_up_timer = NULL;
    log_warn("svc", "work in flight abandoned at the shutdown timeout",
             F_INT("calls", rpc_server_in_flight(svc->rpc)));
    svc_exit(svc, 0);
}

static void stop_taking_work(void *arg)
{
    struct svc *svc = arg;
    enum { LOOK_EVERY_MS = 20 };
    rpc_server_drain(svc->rpc, true);
    boot.drain_timer = loop_timer(svc->loop, 0, LOOK_EVERY_MS, finish_when_idle, svc);
}

static void begin_drain(struct svc *svc)
{
    if (svc->draining) { /* the second TERM */
        log_warn("svc", "stopped at once by a second signal", F_BOOL("drained", false));
        svc_exit(svc, 0);
        return;
    }
    svc->draining = true;
    log_info("svc", "draining", F_INT("calls", rpc_server_in_flight(svc->rpc)));
    ops_set_ready(boot.ops, false, "draining");
    rpc_server_leave(svc->rpc);
    if (svc->def->drain)
        svc->def->drain(svc);
    boot.drain_timer =
        loop_timer(svc->loop, svc->cfg.drain_delay_ms, 0, stop_taking_work, svc);
    boot.give_up_timer =
        loop_timer(svc->loop, svc->cfg.drain_delay_ms + svc->cfg.shutdown_timeout_ms, 0,
                   give_up, svc);
}

/* ---- signals ---- */

static void reload(struct svc *svc)
{
    log_reopen();
    log_info("svc", "reloaded", F_STR("cause", "HUP"));
    if (svc->def->reload)
        svc->def->reload(svc);
}

static void on_signal(void *arg, int events)
{
    (void)events;
    struct svc *svc = arg;
    struct signalfd_siginfo info;
    while (read(boot.signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            reload(svc);
        else if (info.ssi_signo == SIGUSR1)
            log_toggle_debug();
        else
            begin_drain(svc);
    }
}

/* Before any thread exists, so that all of them inherit the mask and signals arrive only
 * through the descriptor. */
static bool block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return false;
    boot.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return boot.signal_fd >= 0;
}

/* ---- boot ---- */

static void harden_process(void)
{
    umask(077);
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static bool open_database(struct svc *svc)
{
    struct db_config cfg;
    if (!(svc->def->flags & SVC_HAS_DB))
        return true;
    if (!svc_db_config(svc, &cfg))
        return false;
    svc->db = db_open(svc->loop, &cfg, svc->def->sql);
    return svc->db != NULL;
}

/* Serving everybody is worse than serving nobody. */
static void on_trial(void *arg, enum trial_verdict verdict, const char *who)
{
    struct svc *svc = arg;
    trial_free(&boot.trial);
    if (verdict == TRIAL_OPEN)
        log_warn("keys", "the lock of the RPC port could not be tried",
                 F_STR("with", who));
    if (verdict == TRIAL_SERVED) {
        log_fatal("keys", "the RPC port serves strangers", F_STR("with", who));
        return svc_exit(svc, EXIT_BUG);
    }
    loop_timer_cancel(&boot.ready_timer); /* nobody waits for the next look */
    check_ready(svc);
}

static void try_the_lock(struct svc *svc)
{
    AUTO_FREE char *endpoint = svc_own_endpoint(rpc_server_endpoint(svc->rpc));
    boot.trial = trial_start(svc->loop, svc->keys, endpoint, on_trial, svc);
}

/* Everything up to the open ports. 0, or the exit code after a log line. */
static int start(struct svc *svc)
{
    char *why = NULL;
    svc->contract = contract_load(&why);
    if (!svc->contract) {
        log_fatal("svc", "a contract is wrong", F_STR("why", why));
        return EXIT_BUG;
    }
    svc->loop = loop_new();
    loop_add_fd(svc->loop, boot.signal_fd, LOOP_READ, on_signal, svc);
    if (!svc_open_keys(svc) || !svc_settings_fine(svc) || !open_database(svc))
        return EXIT_CONFIG;
    if (strcmp(svc->cfg.telemetry, "none") != 0)
        svc->telemetry = telemetry_start(svc, svc->cfg.telemetry);
    svc->init_exit_code = EXIT_MISSING;
    if (svc->def->init && !svc->def->init(svc))
        return svc->init_exit_code;
    svc->rpc = rpc_server_start(svc, svc->cfg.rpc_listen, svc->def->handlers);
    if (!svc->rpc)
        return EXIT_MISSING;
    try_the_lock(svc);
    boot.ops = ops_start(svc, svc->cfg.ops_listen);
    return boot.ops ? 0 : EXIT_MISSING;
}

static void stop(struct svc *svc)
{
    trial_free(&boot.trial);
    if (svc->rpc)
        rpc_server_stop(svc->rpc);
    if (svc->def->deinit && svc->app)
        svc->def->deinit(svc);
    telemetry_stop(&svc->telemetry);
    if (svc->db)
        db_close(&svc->db);
    rpc_server_free(&svc->rpc); /* nobody is left who could answer a call */
    ops_stop(&boot.ops);
    if (svc->keys)
        keys_close(&svc->keys);
    loop_free(&svc->loop);
    if (svc->contract)
        contract_free(&svc->contract);
}

static void flush_log(void *arg)
{
    (void)arg;
    log_flush();
}

/* Lines wait for the end of their turn, which this hook must be the last to see. */
static void run(struct svc *svc)
{
    loop_at_turn_end(svc->loop, flush_log, NULL);
    log_gather();
    loop_run(svc->loop);
    log_info("svc", "stopped", F_INT("exit_code", boot.exit_code));
}

int svc_serve(struct svc *svc)
{
    boot.svc = svc;
    boot.started_ms = clock_mono_ms();
    if (!block_signals())
        BUG("signals cannot be taken");
    if (!log_open(svc->def->name, svc->instance, (enum log_format)svc->cfg.log_format,
                  svc->cfg.log_file))
        log_warn("svc", "the log file cannot be opened",
                 F_STR("file", svc->cfg.log_file));
    boot.exit_code = start(svc);
    if (boot.exit_code == 0) {
        check_ready(svc);
        if (svc->def->started)
            svc->def->started(svc);
        run(svc);
    }
    stop(svc);
    log_flush();
    return boot.exit_code;
}

struct rpc_client *svc_client(struct svc *svc, const char *peer, const char *endpoints)
{
    return rpc_client_new(svc->loop, svc->keys, peer, endpoints);
}

static void usage(const struct svc_def *def, const struct svc_tables *tables, FILE *out)
{
    fprintf(out,
            "%s - %s\n\nUsage: %s [flags]            serve\n"
            "       %s VERB [arguments]\n\nVerbs:\n",
            def->name, def->purpose, def->name, def->name);
    svc_verbs_help(def, out);
    fprintf(out, "\nSettings (variable, flag):\n");
    options_help(tables->t, tables->n, out);
}

static struct svc_tables make_tables(struct svc *svc)
{
    static const struct option_row none[] = { { 0 } };
    const struct svc_def *def = svc->def;
    return (struct svc_tables){
        .t = { { def->name, svc_common_options(def), &svc->cfg },
               { def->name, def->options ? def->options : none, svc->app_cfg } },
        .n = 2,
    };
}

/* --help and --version as everybody types them; true when that was all. */
static bool answer_at_once(const struct svc *svc, int argc, char **argv)
{
    if (argc < 2)
        return false;
    if (svc_asks_for_help(argv[1]) || strcmp(argv[1], "help") == 0)
        usage(svc->def, svc->tables, stdout);
    else if (strcmp(argv[1], "--version") == 0)
        printf("%s (Quintet) %s\n", svc->def->name, SVC_VERSION);
    else
        return false;
    return true;
}

int svc_load_options(struct svc *svc, const struct svc_tables *tables)
{
    if (options_load(tables->t, tables->n, stderr) > 0)
        return EXIT_CONFIG;
    if (!log_levels(svc->cfg.log_level)) {
        fprintf(stderr,
                "LOG_LEVEL (or DJANGO_LOG_LEVEL) is %s; it takes debug, info, warn or "
                "error, and levels by area: info,db=debug.\n",
                svc->cfg.log_level);
        return EXIT_CONFIG;
    }
    svc_config_derive(svc);
    return 0;
}

int svc_main(int argc, char **argv, const struct svc_def *def)
{
    static struct svc svc; /* one daemon a process */
    int code = 0;
    svc.def = def;
    svc.app_cfg = xcalloc(1, def->config_size ? def->config_size : 1);
    static struct svc_tables tables;
    tables = make_tables(&svc);
    svc.tables = &tables;
    harden_process();
    if (answer_at_once(&svc, argc, argv))
        return 0;
    bool wrong = options_flags(tables.t, tables.n, &argc, argv, stderr) > 0;
    if (!wrong && argc > 1 && svc_verb_run(&svc, &tables, argc, argv, &code))
        return code;
    if (wrong || argc > 1) {
        if (argc > 1)
            fprintf(stderr, "%s has no verb or flag %s.\n", def->name, argv[1]);
        fprintf(stderr, "Try %s --help.\n", def->name);
        return EXIT_USAGE;
    }
    code = svc_load_options(&svc, &tables);
    return code ? code : svc_serve(&svc);
}
