#include "mailer/job_hint.h"

#include "base/jsonw.h"
#include "svc/svc.h"
#include "svc/telemetry.h"

enum { HINT_MAX = 4096 };

static void write_worker(struct jsonw *w, const struct job_hint *h)
{
    jw_kstr(w, "event_id", h->event_id);
    jw_kint(w, "code", h->code);
    jw_kcstr(w, "worker", h->worker);
    if (h->over)
        jw_kint(w, "took_us", h->took_us);
    if (h->request_id.n > 0)
        jw_kstr(w, "request_id", h->request_id);
    if (h->trace_id.n > 0)
        jw_kstr(w, "trace_id", h->trace_id);
}

void job_hint_send(struct svc *svc, const struct job_hint *h)
{
    AUTO_BUF struct buf b = { .max = HINT_MAX };
    struct jsonw w;
    jw_begin(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "job_id", h->job_id);
    jw_kstr(&w, "template", h->template);
    jw_kstr(&w, "state", h->state);
    jw_kint(&w, "attempt", h->attempt);
    if (h->worker)
        write_worker(&w, h);
    jw_object_end(&w);
    jw_end(&w);
    telemetry_send(svc->telemetry, "job", buf_get(&b));
}
