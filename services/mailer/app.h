/* What the mailer owns while it runs. */
#ifndef SERVICES_MAILER_APP_H
#define SERVICES_MAILER_APP_H

#include "mailer/backend.h"
#include "mailer/config.h"
#include "mailer/intake.h"
#include "mailer/letter.h"
#include "mailer/queue.h"
#include "svc/svc.h"

/* Fields have one owner each; the app lives as long as the process, because a query's
 * answer may still name it while the daemon stops. */
struct mailer_app {
    struct svc *svc;
    const struct mailer_config *cfg;
    struct letters *letters;
    struct backend *backend;
    struct rpc_client *auth;
    struct mailer_intake *intake;
    struct mailer_queue *queue;
};

char *mailer_check(struct svc *svc);
bool mailer_init(struct svc *svc);
void mailer_started(struct svc *svc);
bool mailer_ready(struct svc *svc, const char **ret_why);
void mailer_drain(struct svc *svc);
bool mailer_busy(struct svc *svc);
void mailer_deinit(struct svc *svc);
void mailer_beat(struct svc *svc, struct jsonw *w);

int mailer_reconcile_verb(struct svc *svc, int argc, char **argv);
/* preview TEMPLATE [--html]; reconcile; accept-epoch: read the stream again from its
 * start, as another one.
 */
extern const struct svc_verb MAILER_VERBS[];

#endif
