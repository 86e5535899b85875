#include "monitor/mail_kinds.h"

#include "svc/contract.h"

json_t *mail_kinds_new(void)
{
    struct str file = contract_file("mailer.json");
    json_t *root = json_loadb(file.p, file.n, 0, NULL);
    const json_t *types = json_object_get(root, "types");
    json_t *kinds =
        json_deep_copy(json_object_get(json_object_get(types, "mail_kind"), "enum"));
    json_decref(root);
    return kinds;
}

bool mail_kinds_has_task(const json_t *kinds, struct str task)
{
    static const struct str PREFIX = { "mailer.", 7 };
    size_t i;
    json_t *kind;
    if (!str_starts(task, PREFIX))
        return false;
    task = (struct str){ task.p + PREFIX.n, task.n - PREFIX.n };
    json_array_foreach(
        kinds, i, kind) if (str_eq(task, str_of(json_string_value(kind)))) return true;
    return false;
}
