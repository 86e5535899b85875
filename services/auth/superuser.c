#include "auth/superuser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/app.h"
#include "auth/identity.h"
#include "auth/password_hash.h"
#include "auth/typed.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/exit.h"

struct superuser {
    struct svc *svc;
    const struct auth_config *cfg;
    struct arena arena;
    bool asks;
    const char *username, *email;
    struct secret *password;
};

/* --- what is asked -------------------------------------------------------------------
 */

static bool ask_missing(struct superuser *s)
{
    char line[AUTH_ANSWER_MAX];

    if (!s->username) {
        if (!auth_ask_line("Username: ", line))
            return false;
        s->username = arena_str(&s->arena, str_of(line));
    }
    if (!s->email) {
        if (!auth_ask_line("Email address: ", line))
            return false;
        s->email = arena_str(&s->arena, str_of(line));
    }
    if (!s->password)
        s->password = auth_ask_password();
    return s->password != NULL;
}

/* --- arguments -----------------------------------------------------------------------
 */

static void from_environment(struct superuser *s)
{
    const char *password = getenv("DJANGO_SUPERUSER_PASSWORD");

    s->username = getenv("DJANGO_SUPERUSER_USERNAME");
    s->email = getenv("DJANGO_SUPERUSER_EMAIL");
    if (password && *password)
        s->password = secret_new(str_of(password));
}

static bool is_no_input(const char *arg)
{
    return strcmp(arg, "--no-input") == 0 || strcmp(arg, "--noinput") == 0;
}

static bool from_arguments(struct superuser *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char **field = strcmp(argv[i], "--username") == 0 ? &s->username
                             : strcmp(argv[i], "--email") == 0  ? &s->email
                                                                : NULL;
        if (field && i + 1 < argc)
            *field = argv[++i];
        else if (is_no_input(argv[i]))
            s->asks = false;
        else
            return false;
    }
    return true;
}

/* --- checks --------------------------------------------------------------------------
 */

/* The rules of the registration's contract, so that there is one set of them. */
static bool check_fields(struct superuser *s, struct contract *contract)
{
    const struct contract_method *m = contract_by_name(contract, "auth.register");
    struct values values;
    AUTO_BUF struct buf errors;
    struct str password = secret_expose(s->password);
    json_t *in = json_pack("{s:s, s:s, s:s%}", "username", s->username, "email",
                           s->email ? s->email : "", "password", password.p, password.n);

    buf_init(&errors, 4096);
    bool ok = in && schema_check(m->body, in, SCHEMA_FULL, &s->arena, &values, &errors);
    if (ok) {
        s->username = arena_str(&s->arena, values_get(&values, "username")->s);
        s->email = arena_str(&s->arena, values_get(&values, "email")->s);
        secret_free(&s->password);
        s->password = secret_new(values_get(&values, "password")->s);
    } else if (in) {
        fprintf(stderr, "Refused: %.*s\n", STR_ARG(buf_get(&errors)));
    } else {
        fprintf(stderr, "Refused: the answers are not well-formed UTF-8.\n");
    }
    json_decref(in);
    return ok;
}

static bool check(struct superuser *s)
{
    char *why = NULL;
    struct contract *contract = contract_load(&why);
    const char *problem = NULL;

    if (!contract) {
        fprintf(stderr, "The contracts cannot be read: %s\n", why);
        free(why);
        return false;
    }
    bool ok = check_fields(s, contract);
    contract_free(&contract);
    if (!ok)
        return false;
    s->username = auth_username(&s->arena, str_of(s->username), &problem);
    if (problem) {
        fprintf(stderr, "%s\n", problem);
        return false;
    }
    return auth_judge_password(s->cfg, secret_expose(s->password), str_of(s->username),
                               str_of(s->email));
}

/* --- the account ---------------------------------------------------------------------
 */

static int insert(struct superuser *s, const char *hash)
{
    char now[CLOCK_TEXT_SIZE], event[ID_UUID_TEXT];
    uint8_t event_id[16];
    struct str email = str_of(s->email);
    char *id = NULL;

    id_uuid7(event_id);
    struct str params[] = {
        str_of(s->username),
        str_of(auth_fold(&s->arena, str_of(s->username))),
        email,
        email.n ? str_of(auth_email_key(&s->arena, email)) : db_null(),
        str_of(hash),
        str_of(clock_text(clock_wall_us(), now)),
        str_of(id_uuid_text(event_id, event)),
    };
    struct str sql = embed_find(embed_auth_sql, "superuser_create.sql");
    if (!svc_query_once(s->svc, sql.p, params, ARRAY_LEN(params), &id))
        return EXIT_MISSING;
    if (!id) {
        fprintf(stderr, "That username or email address is already taken.\n");
        return EXIT_REFUSED;
    }
    printf("Superuser created successfully (user %s).\n", id);
    free(id);
    return 0;
}

static int create(struct superuser *s)
{
    char hash[AUTH_HASH_SIZE];

    if (s->asks && !ask_missing(s))
        return EXIT_REFUSED;
    if (!s->username || !*s->username || !s->password) {
        fprintf(stderr, "Without a terminal, DJANGO_SUPERUSER_USERNAME and "
                        "DJANGO_SUPERUSER_PASSWORD are needed.\n");
        return EXIT_USAGE;
    }
    if (!check(s))
        return EXIT_REFUSED;
    if (!auth_hash_typed(s->cfg, s->password, hash))
        return EXIT_AGAIN;
    return insert(s, hash);
}

int auth_createsuperuser(struct svc *svc, int argc, char **argv)
{
    struct superuser s = { .svc = svc, .cfg = svc->app_cfg, .asks = true };
    int code = EXIT_USAGE;

    arena_init(&s.arena);
    from_environment(&s);
    if (from_arguments(&s, argc, argv))
        code = create(&s);
    else
        fprintf(stderr, "Usage: auth createsuperuser [--no-input] [--username NAME] "
                        "[--email ADDRESS]\n");
    secret_free(&s.password);
    arena_deinit(&s.arena);
    return code;
}

const struct svc_verb AUTH_VERBS[] = {
    { "createsuperuser",
      "createsuperuser [--no-input] [--username NAME] [--email ADDRESS]\n"
      "                              make an administrator; --no-input is for scripts",
      auth_createsuperuser },
    { "changepassword",
      "changepassword NAME         give an account a new password, end its sessions",
      auth_changepassword },
    { "keys", "keys list | rotate          the keys that tokens are signed with",
      auth_keys },
    { "users",
      "users list [TEXT]           accounts: role, activity, sessions\n"
      "  users show|unlock|activate|deactivate|delete|end-sessions NAME\n"
      "  users set-role NAME ADMIN|USER",
      auth_users },
    { 0 },
};
