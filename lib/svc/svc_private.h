/* What the files of the boot share; not for services. */
#ifndef LIB_SVC_SVC_PRIVATE_H
#define LIB_SVC_SVC_PRIVATE_H

#include "svc/exit.h"
#include "svc/migrate.h"
#include "svc/ops.h"
#include "svc/svc.h"

/* The two tables of a daemon: what all share, and its own. */
struct svc_tables {
    struct option_table t[2];
    size_t n;
};

/* The rows all daemons share, with this service's default ports and, for a service with
 * a database, Postgres. Lives as long as the process. */
const struct option_row *svc_common_options(const struct svc_def *def);
/* Fills in what follows from other settings: key directories, instance name. */
void svc_config_derive(struct svc *svc);
/* The runtime connection of this service. Strings live as long as the process. False
 * with a sentence on stderr when the password cannot be read. */
bool svc_db_config(struct svc *svc, struct db_config *ret);
/* Whether a word of the command line is --help or -h. */
bool svc_asks_for_help(const char *word);
/* The lines of --help about the verbs that this service has. */
void svc_verbs_help(const struct svc_def *def, FILE *out);
/* Runs the verb argv[1] when it is one of the library's or the service's: *ret_code. */
bool svc_verb_run(struct svc *svc, const struct svc_tables *tables, int argc, char **argv,
                  int *ret_code);
/* Environment and defaults into the config; 0 or an exit code, said on stderr. */
int svc_load_options(struct svc *svc, const struct svc_tables *tables);
/* Looks for the peers' certificates, asks the service's own check; false with a sentence
 * on stderr. Keys are open. */
bool svc_settings_fine(struct svc *svc);
/* Where this daemon reaches a port of its own that is bound to `listen`; heap. */
char *svc_own_endpoint(const char *listen);
/* Serves until TERM; the exit code. */
int svc_serve(struct svc *svc);

#endif
