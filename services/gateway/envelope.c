#include "gateway/envelope.h"

#include <jansson.h>

#include "base/jsonw.h"

static const char *text_of(const struct gateway_error *error, const struct err_info *info)
{
    return error->detail ? error->detail : info->detail;
}

static void write_envelope(struct jsonw *w, const struct gateway_error *error,
                           const struct err_info *info)
{
    jw_object(w);
    jw_kbool(w, "error", true);
    jw_kint(w, "status_code", info->status);
    jw_kcstr(w, "message", info->message);
    jw_key(w, "details");
    if (error->details.n > 0) {
        jw_raw(w, error->details);
    } else {
        jw_object(w);
        jw_kcstr(w, "detail", text_of(error, info));
        jw_object_end(w);
    }
    jw_kcstr(w, "code", info->code);
    if (error->request_id)
        jw_kcstr(w, "request_id", error->request_id);
    jw_object_end(w);
}

/* A service's {"detail": "..."} is the problem's detail; anything else are field errors.
 */
static void write_problem(struct jsonw *w, const struct gateway_error *error,
                          const struct err_info *info)
{
    json_t *tree = json_loadb(error->details.p, error->details.n, JSON_DECODE_ANY, NULL);
    const char *detail = json_string_value(json_object_get(tree, "detail"));
    jw_object(w);
    jw_kcstr(w, "type", "about:blank");
    jw_kcstr(w, "title", info->message);
    jw_kint(w, "status", info->status);
    jw_kcstr(w, "detail", detail ? detail : text_of(error, info));
    jw_kcstr(w, "code", info->code);
    if (error->request_id)
        jw_kcstr(w, "request_id", error->request_id);
    if (tree && !detail)
        jw_kraw(w, "errors", error->details);
    jw_object_end(w);
    json_decref(tree);
}

void gateway_envelope(const struct gateway_error *error, struct buf *out)
{
    const struct err_info *info = err_info(error->e);
    struct jsonw w;
    jw_begin(&w, out);
    if (error->problem)
        write_problem(&w, error, info);
    else
        write_envelope(&w, error, info);
    jw_end(&w);
}

const char *gateway_envelope_type(const struct gateway_error *error)
{
    return error->problem ? "application/problem+json" : "application/json";
}
