/* The mails: the mailer is asked, its answers pass through. */
#include "monitor/app.h"

static void on_mails(struct api *a, enum err e, const struct frame *reply)
{
    if (e == ERR_OK)
        api_reply(a, 200, reply->body);
    else
        api_fail_reply(a, "mailer", e, reply);
}

void handle_mails(struct api *a)
{
    struct str state = api_param(a, "state"), search = api_param(a, "search");
    struct str place = api_param(a, "before");
    int64_t limit;
    struct jsonw w;
    if (!api_param_int(a, "limit", 1, 200, 50, &limit))
        return;
    AUTO_BUF struct buf body;
    buf_init(&body, 4096);
    jw_begin(&w, &body);
    jw_object(&w);
    if (place.n > 0)
        jw_kstr(&w, "cursor", place);
    jw_kint(&w, "limit", limit);
    jw_key(&w, "filter");
    jw_object(&w);
    if (search.n > 0)
        jw_kstr(&w, "recipient", search);
    if (state.n > 0) {
        jw_key(&w, "states");
        jw_array(&w);
        jw_str(&w, state);
        jw_array_end(&w);
    }
    jw_object_end(&w);
    jw_object_end(&w);
    jw_end(&w);
    if (body.overflow)
        api_fail(a, ERR_BAD_REQUEST, NULL);
    else
        api_call(a, a->app->mailer, "mailer.jobs.list", buf_get(&body), false, on_mails);
}

void handle_mail(struct api *a)
{
    struct jsonw w;
    AUTO_BUF struct buf body;
    buf_init(&body, 4096);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kstr(&w, "job_id", api_rest(a));
    jw_object_end(&w);
    jw_end(&w);
    api_call(a, a->app->mailer, "mailer.jobs.show", buf_get(&body), false, on_mails);
}
