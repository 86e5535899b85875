/*
 * `auth users ...`: what an operator does to accounts. Each change is one statement with
 * its event and its line in the audit trail; the gateways act on the event.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/app.h"
#include "auth/lockout.h"
#include "auth/superuser.h"
#include "base/clock.h"
#include "base/id.h"
#include "svc/exit.h"

enum { LIST_MAX = 200 };

/* One row a subcommand. arguments: how many may follow it. */
struct users_command {
    const char *name;
    const char *usage;
    int least, most;
    int (*run)(struct svc *svc, const struct users_command *cmd, char **args);
    const char *event;             /* in the audit trail */
    const char *active, *sessions; /* parameters of user_change */
    const char *done;              /* what is said */
};

static const char *query(const char *name)
{
    return embed_find(embed_auth_sql, name).p;
}

/* --- looking -------------------------------------------------------------------------
 */

static unsigned count_lines(const char *text)
{
    unsigned n = text ? 1 : 0;

    for (const char *p = text; p && *p; p++)
        n += *p == '\n';
    return n;
}

static int list(struct svc *svc, const struct users_command *cmd, char **args)
{
    char limit[DB_INT_TEXT];
    char *text = NULL;
    struct str params[] = { str_of(args[0]), db_int_param(LIST_MAX, limit) };

    (void)cmd;
    if (!svc_query_once(svc, query("user_list.sql"), params, ARRAY_LEN(params), &text))
        return EXIT_MISSING;
    puts(text ? text : "No user.");
    if (count_lines(text) == LIST_MAX)
        printf("These are the first %d: name a part of what you look for.\n", LIST_MAX);
    free(text);
    return 0;
}

static int no_such_user(const char *name)
{
    fprintf(stderr, "There is no user \"%s\".\n", name);
    return EXIT_REFUSED;
}

/* A statement about one account and its locks: $1 the name, $2 its identity, $3 now. NULL
 * when nobody has the name. */
static int ask(struct svc *svc, const char *name, const char *sql, char **ret_text)
{
    char now[CLOCK_TEXT_SIZE];
    struct arena a;
    struct str identity;
    int code = EXIT_CONFIG;

    arena_init(&a);
    if (auth_identity_once(svc, str_of(name), &a, &identity)) {
        struct str params[] = { str_of(name), identity,
                                str_of(clock_text(clock_wall_us(), now)) };
        bool ok = svc_query_once(svc, query(sql), params, ARRAY_LEN(params), ret_text);
        code = ok ? 0 : EXIT_MISSING;
    }
    arena_deinit(&a);
    return code;
}

static int show(struct svc *svc, const struct users_command *cmd, char **args)
{
    char *text = NULL;
    int code = ask(svc, args[0], "user_show.sql", &text);

    (void)cmd;
    if (code)
        return code;
    if (!text)
        return no_such_user(args[0]);
    puts(text);
    free(text);
    return 0;
}

/* --- changing ------------------------------------------------------------------------
 */

/* What a statement said, as a sentence and an exit code. */
static int report(const char *what, const struct users_command *cmd, const char *name)
{
    if (what && strcmp(what, "done") == 0) {
        printf("%s: %s.\n", name, cmd->done);
        return 0;
    }
    if (what && strcmp(what, "unchanged") == 0) {
        printf("%s: nothing to change.\n", name);
        return 0;
    }
    if (!what || strcmp(what, "last_admin") != 0)
        return no_such_user(name);
    fprintf(stderr, "\"%s\" is the last active administrator.\n", name);
    return EXIT_REFUSED;
}

static struct str optional(const char *text)
{
    return text ? str_of(text) : db_null();
}

static int change(struct svc *svc, const struct users_command *cmd, char **args)
{
    char now[CLOCK_TEXT_SIZE], event[ID_UUID_TEXT];
    uint8_t event_id[16];
    char *what = NULL;

    id_uuid7(event_id);
    struct str params[] = {
        db_null(),
        str_of(args[0]),
        optional(args[1]), /* the role, of set-role alone */
        optional(cmd->active),
        str_of(cmd->sessions ? cmd->sessions : "false"),
        str_of(clock_text(clock_wall_us(), now)),
        str_of(id_uuid_text(event_id, event)),
        db_null(),
        db_null(),
        db_null(),
        db_null(),
        db_null(),
        str_of(cmd->event),
    };
    if (!svc_query_once(svc, query("user_change.sql"), params, ARRAY_LEN(params), &what))
        return EXIT_MISSING;
    int code = report(what, cmd, args[0]);
    free(what);
    return code;
}

static int set_role(struct svc *svc, const struct users_command *cmd, char **args)
{
    if (strcmp(args[1], "ADMIN") == 0 || strcmp(args[1], "USER") == 0)
        return change(svc, cmd, args);
    fprintf(stderr, "A role is ADMIN or USER.\n");
    return EXIT_USAGE;
}

static int delete (struct svc *svc, const struct users_command *cmd, char **args)
{
    char now[CLOCK_TEXT_SIZE], event[ID_UUID_TEXT];
    uint8_t event_id[16];
    char *what = NULL;

    id_uuid7(event_id);
    struct str params[] = {
        str_of(args[0]),
        str_of(clock_text(clock_wall_us(), now)),
        str_of(id_uuid_text(event_id, event)),
    };
    if (!svc_query_once(svc, query("user_delete.sql"), params, ARRAY_LEN(params), &what))
        return EXIT_MISSING;
    int code = report(what, cmd, args[0]);
    free(what);
    return code;
}

static int unlock(struct svc *svc, const struct users_command *cmd, char **args)
{
    char *what = NULL;
    int code = ask(svc, args[0], "user_unlock.sql", &what);

    if (code == 0)
        code = report(what, cmd, args[0]);
    free(what);
    return code;
}

static const struct users_command COMMANDS[] = {
    { .name = "list", .usage = "list [TEXT]", .most = 1, .run = list },
    { .name = "show", .usage = "show NAME", .least = 1, .most = 1, .run = show },
    { .name = "activate",
      .usage = "activate NAME",
      .least = 1,
      .most = 1,
      .run = change,
      .event = "user.activated",
      .active = "true",
      .done = "active" },
    { .name = "deactivate",
      .usage = "deactivate NAME",
      .least = 1,
      .most = 1,
      .run = change,
      .event = "user.deactivated",
      .active = "false",
      .done = "inactive, all sessions ended" },
    { .name = "set-role",
      .usage = "set-role NAME ADMIN|USER",
      .least = 2,
      .most = 2,
      .run = set_role,
      .event = "user.role_changed",
      .done = "role changed; the next refresh carries it" },
    { .name = "delete",
      .usage = "delete NAME",
      .least = 1,
      .most = 1,
      .run = delete,
      .event = "user.deleted",
      .done = "deleted" },
    { .name = "end-sessions",
      .usage = "end-sessions NAME",
      .least = 1,
      .most = 1,
      .run = change,
      .event = "user.sessions_ended",
      .sessions = "true",
      .done = "all sessions ended" },
    { .name = "unlock",
      .usage = "unlock NAME",
      .least = 1,
      .most = 1,
      .run = unlock,
      .done = "failed logins forgotten, no lock is left" },
};

static int usage(void)
{
    fprintf(stderr, "Usage:\n");
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++)
        fprintf(stderr, "  auth users %s\n", COMMANDS[i].usage);
    return EXIT_USAGE;
}

int auth_users(struct svc *svc, int argc, char **argv)
{
    char *args[3] = { NULL }; /* what follows the subcommand */

    for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(COMMANDS); i++) {
        const struct users_command *cmd = &COMMANDS[i];
        int n = argc - 2;
        if (strcmp(argv[1], cmd->name) != 0)
            continue;
        if (n < cmd->least || n > cmd->most)
            return usage();
        memcpy(args, argv + 2, (size_t)n * sizeof(*args));
        return cmd->run(svc, cmd, args);
    }
    return usage();
}
