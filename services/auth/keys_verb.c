/* `auth keys list | rotate`: the signing keys. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/app.h"
#include "auth/superuser.h"
#include "base/clock.h"
#include "base/mem.h"
#include "svc/exit.h"

enum { SEALED_MAX = 4096 };

static const char *query(const char *name)
{
    return embed_find(embed_auth_sql, name).p;
}

static int list(struct svc *svc)
{
    char *text = NULL;

    if (!svc_query_once(svc, query("signing_key_list.sql"), NULL, 0, &text))
        return EXIT_MISSING;
    puts(text ? text : "No key yet: the first start of auth makes one.");
    free(text);
    return 0;
}

static int insert(struct svc *svc, const char *kid, struct str sealed)
{
    char now[CLOCK_TEXT_SIZE], from[CLOCK_TEXT_SIZE];
    int64_t us = clock_wall_us();
    struct arena a;
    char *done = NULL;
    const struct auth_config *cfg = svc->app_cfg;

    arena_init(&a);
    struct str params[] = {
        str_of(kid),
        db_bytes_param(&a, sealed.p, sealed.n),
        str_of(clock_text(us, now)),
        str_of(clock_text(us + cfg->key_lead_s * 1000000, from)),
    };
    bool ok = svc_query_once(svc, query("signing_key_rotate.sql"), params,
                             ARRAY_LEN(params), &done);
    arena_deinit(&a);
    if (ok)
        printf("Key %s signs from %s.\n", kid, from);
    if (ok && cfg->jwt_algorithm == AUTH_HS256)
        printf("Nothing is signed with it while JWT_ALGORITHM is HS256.\n");
    free(done);
    return ok ? 0 : EXIT_MISSING;
}

static int rotate(struct svc *svc)
{
    char kid[TOKEN_KID_MAX];
    uint8_t master[AUTH_MASTER_KEY];
    AUTO_BUF struct buf sealed;

    buf_init(&sealed, SEALED_MAX);
    if (sodium_init() < 0 || !svc_open_keys(svc) || !auth_master_key(svc->keys, master))
        return EXIT_CONFIG;
    struct secret *pem = token_new_key(kid);
    if (pem)
        auth_seal(master, pem, &sealed);
    sodium_memzero(master, sizeof(master));
    int code = pem ? insert(svc, kid, buf_get(&sealed)) : EXIT_BUG;
    secret_free(&pem);
    keys_close(&svc->keys);
    return code;
}

int auth_keys(struct svc *svc, int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "list") == 0)
        return list(svc);
    if (argc == 2 && strcmp(argv[1], "rotate") == 0)
        return rotate(svc);
    fprintf(stderr, "Usage: auth keys list | rotate\n");
    return EXIT_USAGE;
}
