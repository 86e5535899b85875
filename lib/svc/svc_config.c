#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "svc/setting.h"
#include "svc/svc_private.h"

#define AT(field) offsetof(struct svc_config, field)

static const struct option_row COMMON[] = {
    { .name = "LOG_LEVEL",
      .kind = OPT_STR,
      .offset = AT(log_level),
      .def = "info",
      .alias = "DJANGO_LOG_LEVEL",
      .help = "What is logged: a level, then levels by area (info,db=debug)" },
    { .name = "LOG_FORMAT",
      .kind = OPT_ENUM,
      .offset = AT(log_format),
      .def = "auto",
      .choices = "auto|json|text",
      .help = "auto is text on a terminal, JSON elsewhere" },
    { .name = "LOG_FILE",
      .kind = OPT_STR,
      .offset = AT(log_file),
      .help = "Write the log to this file too; opened again on HUP" },
    { .name = "QUINTET_KEYS",
      .kind = OPT_STR,
      .offset = AT(keys_root),
      .def = "keys",
      .help = "Where keygen put the directories of all services" },
    { .name = "KEYS_DIR",
      .kind = OPT_STR,
      .offset = AT(keys_dir),
      .help = "This service's own key directory (QUINTET_KEYS/keys-<service>)" },
    { .name = "KEYS_PUBLIC_DIR",
      .kind = OPT_STR,
      .offset = AT(keys_public_dir),
      .help = "The public certificates (KEYS_DIR/../keys-public)" },
    { .name = "@_RPC_LISTEN",
      .kind = OPT_STR,
      .check = setting_zmq_listen,
      .offset = AT(rpc_listen),
      .def = "rpc",
      .help = "Where this daemon answers its peers" },
    { .name = "@_OPS_LISTEN",
      .kind = OPT_STR,
      .check = setting_http_listen,
      .offset = AT(ops_listen),
      .def = "ops",
      .help = "/livez /readyz /metrics /version" },
    { .name = "@_REPLICA",
      .kind = OPT_STR,
      .offset = AT(replica),
      .help = "Name of this replica (host name and process id)" },
    { .name = "MONITOR_TELEMETRY",
      .kind = OPT_STR,
      .check = setting_endpoints_or_none,
      .offset = AT(telemetry),
      .def = "tcp://127.0.0.1:7104",
      .help = "Where beats go; \"none\" sends none" },
    { .name = "DRAIN_DELAY_MS",
      .kind = OPT_INT,
      .offset = AT(drain_delay_ms),
      .def = "0",
      .max = 60000,
      .help = "On TERM: go on serving this long while balancers notice" },
    { .name = "SHUTDOWN_TIMEOUT_MS",
      .kind = OPT_INT,
      .offset = AT(shutdown_timeout_ms),
      .def = "20000",
      .max = 300000,
      .help = "On TERM: wait this long for work in flight" },
};

static const struct option_row POSTGRES[] = {
    { .name = "POSTGRES_HOST",
      .kind = OPT_STR,
      .offset = AT(pg_host),
      .def = "127.0.0.1",
      .help = "Host, or directory of the Unix socket" },
    { .name = "POSTGRES_PORT",
      .kind = OPT_STR,
      .check = setting_ports,
      .offset = AT(pg_port),
      .def = "5432",
      .help = "Port" },
    { .name = "POSTGRES_DB",
      .kind = OPT_STR,
      .offset = AT(pg_db),
      .def = "quintet",
      .help = "Database" },
    { .name = "POSTGRES_USER",
      .kind = OPT_STR,
      .offset = AT(pg_user),
      .def = "quintet",
      .help = "Role that migrations connect as" },
    { .name = "POSTGRES_PASSWORD",
      .kind = OPT_SECRET,
      .offset = AT(pg_password),
      .help = "Its password" },
    { .name = "POSTGRES_SSLMODE",
      .kind = OPT_STR,
      .check = setting_sslmode,
      .offset = AT(pg_sslmode),
      .def = "prefer",
      .help = "As libpq's sslmode" },
    { .name = "POSTGRES_RUNTIME_USER",
      .kind = OPT_STR,
      .offset = AT(pg_runtime_user),
      .help = "Role the daemon connects as (<POSTGRES_DB>_<service>); the same as "
              "POSTGRES_USER means single-role mode" },
};

static const struct {
    const char *service;
    int rpc, ops;
} PORTS[] = {
    { "gateway", 7000, 9000 }, { "auth", 7001, 9001 },    { "catalog", 7002, 9002 },
    { "mailer", 7003, 9003 },  { "monitor", 7004, 9004 },
};

static char *default_listen(const char *service, const char *which)
{
    for (size_t i = 0; i < ARRAY_LEN(PORTS); i++) {
        if (strcmp(PORTS[i].service, service) != 0)
            continue;
        if (strcmp(which, "rpc") == 0)
            return xasprintf("tcp://127.0.0.1:%d", PORTS[i].rpc);
        return xasprintf("127.0.0.1:%d", PORTS[i].ops);
    }
    return xstrdup("");
}

const struct option_row *svc_common_options(const struct svc_def *def)
{
    bool db = def->flags & SVC_HAS_DB;
    size_t n = ARRAY_LEN(COMMON) + (db ? ARRAY_LEN(POSTGRES) : 0);
    struct option_row *rows = xcalloc(n + 1, sizeof *rows);
    memcpy(rows, COMMON, sizeof COMMON);
    if (db)
        memcpy(rows + ARRAY_LEN(COMMON), POSTGRES, sizeof POSTGRES);
    for (size_t i = 0; i < n; i++)
        if (strstr(rows[i].name, "_LISTEN"))
            rows[i].def = default_listen(def->name, rows[i].def);
    return rows;
}

void svc_config_derive(struct svc *svc)
{
    struct svc_config *cfg = &svc->cfg;
    char host[40] = "";
    if (!cfg->keys_dir)
        cfg->keys_dir = xasprintf("%s/keys-%s", cfg->keys_root, svc->def->name);
    if (!cfg->keys_public_dir)
        cfg->keys_public_dir = xasprintf("%s/../keys-public", cfg->keys_dir);
    gethostname(host, sizeof host - 1);
    if (cfg->replica)
        snprintf(svc->instance, sizeof svc->instance, "%s", cfg->replica);
    else
        snprintf(svc->instance, sizeof svc->instance, "%s-%d", host, (int)getpid());
}

static char *missing_peer(struct svc *svc)
{
    const char *const *peer = svc->def->peers;
    for (; peer && *peer; peer++)
        if (!keys_know(svc->keys, *peer))
            return xasprintf("KEYS_PUBLIC_DIR (%s) holds no certificate of %s",
                             svc->cfg.keys_public_dir, *peer);
    return NULL;
}

bool svc_settings_fine(struct svc *svc)
{
    AUTO_FREE char *why = missing_peer(svc);
    if (!why && svc->def->check)
        why = svc->def->check(svc);
    if (why)
        fprintf(stderr, "%s.\n", why);
    return !why;
}

static bool read_runtime_password(struct svc *svc)
{
    const char *why = NULL;
    AUTO_FREE char *path = xasprintf("%s/db.password", svc->cfg.keys_dir);
    if (!svc->db_password)
        svc->db_password = secret_read(path, &why);
    if (!svc->db_password)
        fprintf(stderr, "The database password %s %s.\n", path, why);
    return svc->db_password != NULL;
}

bool svc_db_config(struct svc *svc, struct db_config *ret)
{
    const struct svc_config *cfg = &svc->cfg;
    bool single = cfg->pg_runtime_user && strcmp(cfg->pg_runtime_user, cfg->pg_user) == 0;
    if (!single && !read_runtime_password(svc))
        return false;
    if (cfg->pg_runtime_user)
        snprintf(svc->db_user, sizeof svc->db_user, "%s", cfg->pg_runtime_user);
    else
        snprintf(svc->db_user, sizeof svc->db_user, "%s_%s", cfg->pg_db, svc->def->name);
    *ret = (struct db_config){
        .host = cfg->pg_host,
        .port = cfg->pg_port,
        .dbname = cfg->pg_db,
        .sslmode = cfg->pg_sslmode,
        .application = svc->def->name,
        .user = svc->db_user,
        .schema = single ? svc->def->name : NULL,
        .password = single ? cfg->pg_password : svc->db_password,
    };
    memcpy(ret->connections, svc->def->db_connections, sizeof ret->connections);
    return true;
}
