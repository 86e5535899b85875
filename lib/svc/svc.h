/*
 * What every daemon is made of. A daemon's main.c is one struct svc_def and svc_main():
 *
 *   static const struct svc_def CATALOG = { .name = "catalog", ... };
 *   int main(int argc, char **argv) { return svc_main(argc, argv, &CATALOG); }
 *
 * Boot order: flags -> options -> verb, or: log -> contract -> keys -> database -> init
 * -> RPC and ops ports -> ready -> loop -> drain on TERM -> deinit -> exit 0. Exit codes
 * (sysexits): 64 usage, 69 a needed thing is missing, 70 our bug, 75 try again, 78
 * configuration; 0 after TERM. Signals: TERM/INT drain, the second one ends at once; HUP
 * reload and reopen the log; USR1 debug on/off; PIPE ignored.
 */
#ifndef LIB_SVC_SVC_H
#define LIB_SVC_SVC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "svc/contract.h"
#include "svc/db.h"
#include "svc/embed.h"
#include "svc/events.h"
#include "svc/keys.h"
#include "svc/loop.h"
#include "svc/options.h"
#include "svc/rpc_client.h"
#include "svc/rpc_server.h"
#include "svc/telemetry.h"

/* The settings all daemons share. */
struct svc_config {
    const char *log_level, *log_file;
    int log_format;
    const char *keys_dir, *keys_public_dir, *keys_root;
    const char *rpc_listen, *ops_listen, *replica;
    const char *telemetry; /* MONITOR_TELEMETRY */
    int64_t drain_delay_ms, shutdown_timeout_ms;
    const char *pg_host, *pg_port, *pg_db, *pg_user, *pg_sslmode;
    const char *pg_runtime_user; /* empty: <db>_<service> */
    struct secret *pg_password;
};

struct svc_tables;

struct svc {
    const struct svc_def *def;
    struct svc_config cfg;
    void *app_cfg; /* the service's config struct, filled */
    void *app;     /* set by init */
    struct loop *loop;
    struct contract *contract;
    struct keys *keys;
    struct db *db; /* NULL unless SVC_HAS_DB */
    struct rpc_server *rpc;
    struct telemetry *telemetry;
    char instance[64];          /* "auth-1": @_REPLICA or host name and pid */
    char db_user[160];          /* the role this daemon connects as */
    struct secret *db_password; /* its password, from the key directory */
    int init_exit_code;         /* what a false of init means: 69, unless it sets 78 */
    bool draining;
    const struct svc_tables *tables; /* its settings, for control.describe */
};

enum svc_flags {
    SVC_HAS_DB = 1,
    SVC_DB_OPTIONAL = 2, /* ready also while the database is away */
};

struct svc_verb {
    const char *name;
    /* For --help: what may be written, a blank for the 30th column, what it does. More
     * lines are indented by two blanks. */
    const char *usage;
    /* argv[0] is the verb. The svc has options (and, on demand, keys) but no loop. */
    int (*run)(struct svc *svc, int argc, char **argv);
};

struct svc_def {
    const char *name;    /* "catalog" */
    const char *purpose; /* one line for --help */
    unsigned flags;
    size_t config_size;
    const struct option_row *options;    /* ended by name NULL */
    const struct rpc_handler *handlers;  /* ended by method NULL */
    const struct svc_verb *verbs;        /* ended by name NULL; may be NULL */
    const struct embed_file *const *sql; /* sets, ended by NULL; may be NULL */
    int db_connections[DB_LANES];
    const char *const
        *peers; /* services it cannot do without, ended by NULL; may be NULL */
    /* Optional: what no row alone can judge. NULL, or a sentence without its full stop
     * (heap): such settings end a start with 78. Keys are open, nothing else is;
     * check-config asks it, too. */
    char *(*check)(struct svc *svc);
    /* false: a log line was written; the daemon exits with init_exit_code. RPC is not
     * bound yet. */
    bool (*init)(struct svc *svc);
    /* Optional, after the RPC and ops ports are up and the loop turns. */
    void (*started)(struct svc *svc);
    /* Optional. True when ready; otherwise *ret_why is a short reason. */
    bool (*ready)(struct svc *svc, const char **ret_why);
    /* Optional: TERM came; stop taking work from the outside. */
    void (*drain)(struct svc *svc);
    /* Optional: true while the service still owes something (drain waits for it). */
    bool (*busy)(struct svc *svc);
    void (*deinit)(struct svc *svc);
    /* Optional: adds members to the beat ("load" object) each second. */
    void (*beat)(struct svc *svc, struct jsonw *w);
    void (*reload)(struct svc *svc); /* optional: HUP */
};

int svc_main(int argc, char **argv, const struct svc_def *def);

/* Ready to take work: what /readyz, the beat and control.ping say. False: *ret_why is a
 * short reason, perhaps NULL. Only once the RPC port is open. */
bool svc_ready(struct svc *svc, const char **ret_why);
/* Not to be sent work: TERM came, or the monitor drained it. */
bool svc_draining(const struct svc *svc);
/* Ends the daemon from inside with an exit code, after a log line of the caller's. */
void svc_exit(struct svc *svc, int code);
/* A pool for calling another service from this daemon. NULL: logged, exit 69. */
struct rpc_client *svc_client(struct svc *svc, const char *peer, const char *endpoints);
/* For verbs: opens the key store (78 and a sentence on stderr when it cannot). */
bool svc_open_keys(struct svc *svc);
/* For verbs, with keys opened: one blocking call of a method of this service's running
 * daemon, as rpc_call_once. */
enum err svc_call_own(struct svc *svc, const struct frame *req, uint32_t timeout_ms,
                      char **ret_body, size_t *ret_n, int *ret_status);
/* For verbs: blocking query on a connection of its own, as the runtime role: the first
 * column of the first row as heap text, NULL when there is none. False on failure, with a
 * sentence on stderr. */
bool svc_query_once(struct svc *svc, const char *sql, const struct str *params,
                    unsigned n, char **ret_text);

/* The version of this build: "0.1.0". */
extern const char SVC_VERSION[];

#endif
