/*
 * `auth changepassword NAME`: a new password by an operator's word, for whoever has no
 * mailbox to ask for a reset. It ends every session that began with the old one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/app.h"
#include "auth/lockout.h"
#include "auth/superuser.h"
#include "auth/typed.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/exit.h"

static const char *query(const char *name)
{
    return embed_find(embed_auth_sql, name).p;
}

static int no_such_user(const char *name)
{
    fprintf(stderr, "There is no user \"%s\".\n", name);
    return EXIT_REFUSED;
}

static int store(struct svc *svc, const char *name, struct str identity, const char *hash)
{
    char now[CLOCK_TEXT_SIZE], event[ID_UUID_TEXT];
    uint8_t event_id[16];
    AUTO_FREE char *what = NULL;

    id_uuid7(event_id);
    struct str params[] = {
        str_of(name),
        str_of(hash),
        str_of(clock_text(clock_wall_us(), now)),
        str_of(id_uuid_text(event_id, event)),
        identity,
    };
    if (!svc_query_once(svc, query("password_set.sql"), params, ARRAY_LEN(params), &what))
        return EXIT_MISSING;
    if (!what || strcmp(what, "done") != 0)
        return no_such_user(name); /* deleted meanwhile */
    printf("%s: password changed, all sessions ended.\n", name);
    return 0;
}

/* Asks only when there is somebody whose password it would be. */
static int change(struct svc *svc, const char *name, struct str identity)
{
    const struct auth_config *cfg = svc->app_cfg;
    struct str param = str_of(name);
    char hash[AUTH_HASH_SIZE];
    AUTO_FREE char *email = NULL;

    if (!svc_query_once(svc, query("user_email.sql"), &param, 1, &email))
        return EXIT_MISSING;
    if (!email)
        return no_such_user(name);
    struct secret *password = auth_ask_password();
    if (!password)
        return EXIT_REFUSED;
    int code = EXIT_REFUSED;
    if (auth_judge_password(cfg, secret_expose(password), param, str_of(email)))
        code = auth_hash_typed(cfg, password, hash) ? store(svc, name, identity, hash)
                                                    : EXIT_AGAIN;
    secret_free(&password);
    return code;
}

int auth_changepassword(struct svc *svc, int argc, char **argv)
{
    struct arena a;
    struct str identity;
    int code = EXIT_CONFIG;

    if (argc != 2 || argv[1][0] == '-') {
        fprintf(stderr, "Usage: auth changepassword NAME\n");
        return EXIT_USAGE;
    }
    arena_init(&a);
    if (auth_identity_once(svc, str_of(argv[1]), &a, &identity))
        code = change(svc, argv[1], identity);
    arena_deinit(&a);
    return code;
}
