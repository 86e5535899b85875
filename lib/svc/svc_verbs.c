/* The verbs every daemon has. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "svc/address.h"
#include "svc/svc_private.h"

bool svc_open_keys(struct svc *svc)
{
    if (!svc->keys)
        svc->keys =
            keys_open(svc->def->name, svc->cfg.keys_dir, svc->cfg.keys_public_dir);
    if (!svc->keys)
        fprintf(stderr,
                "The keys in %s cannot be used: say with QUINTET_KEYS where they are, or "
                "make some with `%s keygen --dir ROOT`.\n",
                svc->cfg.keys_dir, svc->def->name);
    return svc->keys != NULL;
}

/* The verb's lines of --help, after a wrong word; the exit code for that. */
static int misused(const struct svc *svc, const char *verb);

static int verb_migrate(struct svc *svc, int argc, char **argv)
{
    bool status = argc == 2 && strcmp(argv[1], "--status") == 0;
    struct db_config runtime;
    if (argc > 1 && !status)
        return misused(svc, argv[0]);
    if (!(svc->def->flags & SVC_HAS_DB)) {
        printf("%s has no tables.\n", svc->def->name);
        return 0;
    }
    if (!svc_db_config(svc, &runtime))
        return EXIT_CONFIG;
    struct migrate_config cfg = {
        .db = runtime,
        .service = svc->def->name,
        .password = runtime.password,
        .sql_sets = svc->def->sql,
    };
    cfg.db.user = svc->cfg.pg_user;
    cfg.db.password = svc->cfg.pg_password;
    cfg.db.schema = NULL;
    return migrate_run(&cfg, status);
}

static const char *argument(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

/* Whether the arguments are pairs of a flag of `flags`, which ends with NULL, and a
 * value. */
static bool only_flags(int argc, char **argv, const char *const *flags)
{
    for (int i = 1; i < argc; i += 2) {
        const char *const *f = flags;
        while (*f && strcmp(argv[i], *f) != 0)
            f++;
        if (!*f || i + 1 == argc)
            return false;
    }
    return true;
}

static int verb_keygen(struct svc *svc, int argc, char **argv)
{
    static const char *const FLAGS[] = { "--dir", "--client", "--out", "--password-file",
                                         NULL };
    if (!only_flags(argc, argv, FLAGS))
        return misused(svc, argv[0]);
    const char *root = argument(argc, argv, "--dir");
    const char *client = argument(argc, argv, "--client");
    const char *out = argument(argc, argv, "--out");
    const char *password = argument(argc, argv, "--password-file");
    if (!root)
        root = svc->cfg.keys_root;
    if (client)
        return keys_generate_client(root, client, out ? out : ".");
    if (password && !(svc->def->flags & SVC_HAS_DB)) {
        fprintf(stderr, "%s has no tables and knows no POSTGRES_PASSWORD.\n",
                svc->def->name);
        return EXIT_USAGE;
    }
    int code = keys_generate(root);
    if (code || !password)
        return code;
    return keys_postgres_password(password, svc->cfg.pg_password);
}

/* All that a start would judge before it opens anything. */
static int verb_check_config(struct svc *svc, int argc, char **argv)
{
    struct db_config db;
    (void)argc, (void)argv;
    options_print(svc->tables->t, svc->tables->n, stdout);
    fflush(stdout); /* what is wrong comes last */
    bool fine = svc_open_keys(svc) && svc_settings_fine(svc) &&
                (!(svc->def->flags & SVC_HAS_DB) || svc_db_config(svc, &db));
    keys_close(&svc->keys);
    return fine ? 0 : EXIT_CONFIG;
}

static int verb_healthcheck(struct svc *svc, int argc, char **argv)
{
    (void)argc, (void)argv;
    return ops_healthcheck(svc->cfg.ops_listen);
}

static int verb_version(struct svc *svc, int argc, char **argv)
{
    (void)argc, (void)argv;
    printf("%s (Quintet) %s\n", svc->def->name, SVC_VERSION);
    return 0;
}

/* tcp://0.0.0.0:7001 is where we listen; a call goes to loopback. */
char *svc_own_endpoint(const char *listen)
{
    const char *port = address_wildcard_port(listen);
    return port ? xasprintf("tcp://127.0.0.1:%s", port) : xstrdup(listen);
}

enum err svc_call_own(struct svc *svc, const struct frame *req, uint32_t timeout_ms,
                      char **ret_body, size_t *ret_n, int *ret_status)
{
    AUTO_FREE char *endpoint = svc_own_endpoint(svc->cfg.rpc_listen);
    return rpc_call_once(svc->keys, svc->def->name, endpoint, req, timeout_ms, ret_body,
                         ret_n, ret_status);
}

static int print_outcome(enum err e, int status, const char *body, size_t n)
{
    if (n > 0)
        printf("%.*s\n", (int)n, body);
    if (e == ERR_OK) {
        fprintf(stderr, "%d\n", status);
        return 0;
    }
    fprintf(stderr, "%s (%d): %s\n", err_info(e)->code, (int)e, err_info(e)->detail);
    return e == ERR_UNAVAILABLE || e == ERR_DEADLINE ? EXIT_MISSING : 1;
}

/* --as ID,ROLE,NAME: in whose name a call is made; nobody's without it. */
static bool set_actor(struct frame *req, struct buf *meta, const char *as)
{
    struct str name = str_of(as), id = str_cut(&name, ','), role = str_cut(&name, ',');
    if (!as)
        return true;
    if (!str_to_i64(id, &req->actor_id) || req->actor_id < 1 || !name.p)
        return false;
    if (!str_eq(role, STR("USER")) && !str_eq(role, STR("ADMIN")))
        return false;
    req->actor_role = str_eq(role, STR("ADMIN")) ? ROLE_ADMIN : ROLE_USER;
    record_add(meta, REC_ACTOR_NAME, name);
    return true;
}

static int send_call(struct svc *svc, const struct contract_method *m, struct frame *req)
{
    char *body = NULL;
    size_t n = 0;
    int status = 0;
    enum err e = svc_call_own(svc, req, m->timeout_ms, &body, &n, &status);
    int code = print_outcome(e, status, body, n);
    free(body);
    return code;
}

static int call_method(struct svc *svc, const struct contract_method *m, int argc,
                       char **argv)
{
    struct buf meta AUTO_BUF;
    struct frame req = { .method = m->number };
    buf_init(&meta, FRAME_META_MAX);
    if (!set_actor(&req, &meta, argument(argc, argv, "--as"))) {
        fprintf(stderr, "--as takes ID,ROLE,NAME, for example 1,ADMIN,ada.\n");
        return EXIT_USAGE;
    }
    for (int i = 2, nth = 0; i < argc; i++) {
        if (strcmp(argv[i], "--as") == 0)
            i++;
        else if (nth++ == 0)
            req.body = str_of(argv[i]);
        else
            record_add(&meta, REC_PATH_PARAM, str_of(argv[i]));
    }
    record_add(&meta, REC_CONTENT_TYPE, STR("application/json"));
    record_add(&meta, REC_BASE_URL, STR("http://localhost"));
    req.meta = buf_get(&meta);
    id_uuid7(req.request_id);
    memcpy(req.trace_id, req.request_id, sizeof req.trace_id);
    return send_call(svc, m, &req);
}

static int verb_call(struct svc *svc, int argc, char **argv)
{
    char *why = NULL;
    if (argc < 2) {
        fprintf(stderr, "Which method? For example: %s call control.ping\n",
                svc->def->name);
        return EXIT_USAGE;
    }
    svc->contract = contract_load(&why);
    const struct contract_method *m =
        svc->contract ? contract_by_name(svc->contract, argv[1]) : NULL;
    if (!m) {
        fprintf(stderr, "There is no method %s.\n", argv[1]);
        return EXIT_USAGE;
    }
    if (!svc_open_keys(svc))
        return EXIT_CONFIG;
    int code = call_method(svc, m, argc, argv);
    keys_close(&svc->keys);
    contract_free(&svc->contract);
    return code;
}

static int verb_serve(struct svc *svc, int argc, char **argv)
{
    (void)argc, (void)argv;
    return svc_serve(svc);
}

/* ---- the table ---- */

static const struct svc_verb COMMON_VERBS[] = {
    { "serve", "serve                       run the daemon, as without a verb",
      verb_serve },
    { "migrate", "migrate [--status]          create or update the schema",
      verb_migrate },
    { "keygen",
      "keygen [--dir ROOT]         create the keys of all services (QUINTET_KEYS)\n"
      "  keygen [--dir ROOT] --password-file FILE\n"
      "                              and put POSTGRES_PASSWORD, or a random one, there\n"
      "  keygen [--dir ROOT] --client NAME [--out DIR]\n"
      "                              create a key for one more caller",
      verb_keygen },
    { "check-config",
      "check-config                print the settings in force; 78: no start by these",
      verb_check_config },
    { "healthcheck", "healthcheck                 0 when this daemon says it is ready",
      verb_healthcheck },
    { "call",
      "call METHOD [JSON [PATH..]] [--as ID,ROLE,NAME]\n"
      "                              call a method of this service",
      verb_call },
    { "version", "version                     print the version", verb_version },
};

static bool is_listed(const struct svc_def *def, const struct svc_verb *verb)
{
    return verb->run != verb_migrate || (def->flags & SVC_HAS_DB);
}

void svc_verbs_help(const struct svc_def *def, FILE *out)
{
    for (size_t i = 0; i < ARRAY_LEN(COMMON_VERBS); i++)
        if (is_listed(def, &COMMON_VERBS[i]))
            fprintf(out, "  %s\n", COMMON_VERBS[i].usage);
    for (const struct svc_verb *v = def->verbs; v && v->name; v++)
        fprintf(out, "  %s\n", v->usage);
}

static const struct svc_verb *find_verb(const struct svc_def *def, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(COMMON_VERBS); i++)
        if (strcmp(COMMON_VERBS[i].name, name) == 0)
            return &COMMON_VERBS[i];
    for (const struct svc_verb *v = def->verbs; v && v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

static void verb_usage(const struct svc *svc, const struct svc_verb *verb, FILE *out)
{
    fprintf(out, "Usage of %s:\n  %s\n", svc->def->name, verb->usage);
}

static int misused(const struct svc *svc, const char *verb)
{
    verb_usage(svc, find_verb(svc->def, verb), stderr);
    return EXIT_USAGE;
}

bool svc_asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

bool svc_verb_run(struct svc *svc, const struct svc_tables *tables, int argc, char **argv,
                  int *ret_code)
{
    const struct svc_verb *verb = find_verb(svc->def, argv[1]);
    if (!verb)
        return false;
    *ret_code = 0;
    if (argc > 2 && svc_asks_for_help(argv[2])) {
        verb_usage(svc, verb, stdout);
        return true;
    }
    *ret_code = svc_load_options(svc, tables);
    if (*ret_code == 0)
        *ret_code = verb->run(svc, argc - 1, argv + 1);
    return true;
}
