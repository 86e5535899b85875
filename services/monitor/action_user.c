/* Acting on the account behind a mail: auth does it, for an administrator it knows. */
#include <string.h>

#include "monitor/action.h"
#include "monitor/app.h"

static bool is_correction(const struct action *act)
{
    return strcmp(act->row->name, "mails.correct") == 0;
}

bool action_check_user(struct api *a, struct action *act)
{
    const json_t *id = json_object_get(a->body, "user_id");
    act->number = json_integer_value(id);
    act->text = api_text(a, "email");
    if (!json_is_integer(id) || act->number < 1) {
        api_fail_field(a, "user_id", "This field is required: the id of an account.", -1);
        return false;
    }
    if (is_correction(act) &&
        (!act->text || strlen(act->text) > 254 || !strchr(act->text, '@'))) {
        api_fail_field(a, "email", "Enter a valid email address.", -1);
        return false;
    }
    if (!act->preview && !a->who.session) {
        api_fail(a, ERR_PERMISSION_DENIED,
                 "auth does this only for an administrator who has signed in.");
        return false;
    }
    act->subject = arena_printf(&a->arena, "user %lld", (long long)act->number);
    return true;
}

static void on_done(struct api *a, enum err e, const struct frame *reply)
{
    struct action *act = a->state;
    if (e != ERR_OK) {
        action_failed_reply(a, act, "auth", e, reply);
        return;
    }
    json_t *o = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    const char *email = json_string_value(json_object_get(o, "email"));
    act->summary = arena_printf(&a->arena, "A new verification mail goes to %s.",
                                email ? email : "the account's address");
    json_decref(o);
    action_done(a, act);
}

void action_run_user(struct api *a, struct action *act)
{
    struct jsonw w;
    AUTO_BUF struct buf body;
    buf_init(&body, 4096);
    act->count = 1;
    act->title =
        is_correction(act) ? "Correct the address" : "Send a new verification mail";
    if (act->preview) {
        act->summary =
            is_correction(act)
                ? arena_printf(&a->arena,
                               "The address of the account becomes %s, its earlier links "
                               "are void, and a verification mail goes there.",
                               act->text)
                : "The account gets a new verification mail; its earlier links are void.";
        action_done(a, act);
        return;
    }
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kint(&w, "user_id", act->number);
    if (is_correction(act))
        jw_kcstr(&w, "email", act->text);
    jw_kcstr(&w, "reason", act->reason);
    jw_object_end(&w);
    jw_end(&w);
    api_call(a, a->app->auth, act->row->method, buf_get(&body), true, on_done);
}
