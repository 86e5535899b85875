/* The mailer's settings. */
#ifndef SERVICES_MAILER_CONFIG_H
#define SERVICES_MAILER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "mailer/letter.h"
#include "svc/options.h"

enum { MAILER_PREFETCH_MAX = 256 };

enum mailer_backend { BACKEND_CONSOLE, BACKEND_FILE, BACKEND_SMTP, BACKENDS };

struct mailer_config {
    const char *auth_endpoint, *auth_events;
    int backend; /* index of MAILER_OPTIONS' choices: mailer_config_backend */
    const char *file_path;
    const char *host;
    int64_t port;
    bool use_tls, use_ssl;
    const char *user;
    struct secret *password;
    const char *ca_file;
    const char *from, *subject_prefix;
    int64_t connections, prefetch;
    const char *templates_dir;
    int64_t lease_ms, connect_timeout_ms, send_timeout_ms;
};

extern const struct option_row MAILER_OPTIONS[];

/* The choices come in two spellings: short, and the dotted names of Django. */
enum mailer_backend mailer_config_backend(const struct mailer_config *cfg);
/* What letters_new wants of it. */
struct letters_config mailer_config_letters(const struct mailer_config *cfg);
/* A sentence when the settings contradict each other, else NULL. */
const char *mailer_config_mistake(const struct mailer_config *cfg);

#endif
