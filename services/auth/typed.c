#include "auth/typed.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "auth/password_rules.h"
#include "auth/password_strength.h"
#include "base/mem.h"
#include "base/utf8.h"

/* --- the terminal --------------------------------------------------------------------
 */

bool auth_ask_line(const char *prompt, char out[static AUTH_ANSWER_MAX])
{
    fputs(prompt, stdout);
    fflush(stdout);
    if (!fgets(out, AUTH_ANSWER_MAX, stdin))
        return false;
    out[strcspn(out, "\r\n")] = '\0';
    return true;
}

static volatile sig_atomic_t caught; /* the signal that came during a hidden answer */

static void catch_signal(int number)
{
    caught = number;
}

/* Without SA_RESTART, so that the read returns and the terminal gets its echo back. */
static bool ask_catching(const char *prompt, char out[static AUTH_ANSWER_MAX])
{
    static const int SIGNALS[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction before[ARRAY_LEN(SIGNALS)];

    caught = 0;
    for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++)
        sigaction(SIGNALS[i], &(struct sigaction){ .sa_handler = catch_signal },
                  &before[i]);
    bool ok = auth_ask_line(prompt, out);
    for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++)
        sigaction(SIGNALS[i], &before[i], NULL);
    return ok;
}

static bool read_hidden(const char *prompt, char out[static AUTH_ANSWER_MAX])
{
    struct termios before, hidden;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;

    if (!terminal)
        return auth_ask_line(prompt, out);
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    bool ok = ask_catching(prompt, out);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    putchar('\n');
    if (caught)
        raise(caught);
    return ok;
}

struct secret *auth_ask_password(void)
{
    enum { TRIES = 3 };
    char first[AUTH_ANSWER_MAX], again[AUTH_ANSWER_MAX];
    struct secret *password = NULL;

    for (int i = 0; i < TRIES && !password; i++) {
        if (!read_hidden("Password: ", first) ||
            !read_hidden("Password (again): ", again))
            break;
        if (strcmp(first, again) == 0)
            password = secret_new(str_of(first));
        else
            fprintf(stderr, "Your passwords didn't match.\n");
    }
    explicit_bzero(first, sizeof(first));
    explicit_bzero(again, sizeof(again));
    return password;
}

/* --- the rules -----------------------------------------------------------------------
 */

bool auth_judge_password(const struct auth_config *cfg, struct str password,
                         struct str username, struct str email)
{
    const char *problems[AUTH_PASSWORD_PROBLEMS];
    struct auth_password_policy policy;

    if (utf8_check(password) != password.n) {
        fprintf(stderr, "The password is not well-formed UTF-8.\n");
        return false;
    }
    if (!auth_policy_init(&policy, cfg->password_blocklist,
                          (unsigned)cfg->password_min_length)) {
        fprintf(stderr, "AUTH_PASSWORD_BLOCKLIST cannot be read.\n");
        return false;
    }
    unsigned n = auth_password_problems(&policy, password, username, email, problems);
    if (n == 0 && auth_password_guessable(password, (unsigned)cfg->password_min_bits))
        problems[n++] = AUTH_PASSWORD_COMMON;
    for (unsigned i = 0; i < n; i++)
        fprintf(stderr, "%s\n", problems[i]);
    auth_policy_deinit(&policy);
    return n == 0;
}

bool auth_hash_typed(const struct auth_config *cfg, const struct secret *password,
                     char out[static AUTH_HASH_SIZE])
{
    const struct auth_hash_cost cost = {
        .memory_bytes = (size_t)cfg->argon2_memory_kib * 1024,
        .passes = (unsigned long long)cfg->argon2_passes,
    };

    if (auth_password_hash(&cost, secret_expose(password), out))
        return true;
    fprintf(stderr, "There is not enough memory to hash the password.\n");
    return false;
}
