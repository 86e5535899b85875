#include "mailer/config.h"

#include <string.h>

#include "mailer/address.h"
#include "svc/setting.h"

#define DJANGO(name) "django.core.mail.backends." name ".EmailBackend"

#define FIELD(member) offsetof(struct mailer_config, member)

static const char *check_sender(const char *text)
{
    struct arena a;
    struct str name, address;
    arena_init(&a);
    bool fine = address_parse_from(str_of(text), &a, &name, &address);
    arena_deinit(&a);
    return fine ? NULL : "must be an address, or Name <address>";
}

static const char *check_host(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p <= ' ' || strchr("/@?#\\\"<>", *p))
            return "must be the name or address of a host";
    return NULL;
}

const struct option_row MAILER_OPTIONS[] = {
    { .name = "AUTH_ENDPOINT",
      .kind = OPT_STR,
      .check = setting_endpoints,
      .offset = FIELD(auth_endpoint),
      .def = "tcp://127.0.0.1:7001",
      .help = "Where auth answers requests (comma list)" },
    { .name = "AUTH_EVENTS",
      .kind = OPT_STR,
      .check = setting_endpoints,
      .offset = FIELD(auth_events),
      .def = "tcp://127.0.0.1:7101",
      .help = "Where auth publishes events (comma list)" },
    { .name = "EMAIL_BACKEND",
      .kind = OPT_ENUM,
      .offset = FIELD(backend),
      .def = "console",
      .choices = "console|file|smtp|" DJANGO("console") "|" DJANGO(
          "filebased") "|" DJANGO("smtp"),
      .help = "Where mails go: standard output, a directory, or an SMTP server" },
    { .name = "EMAIL_FILE_PATH",
      .kind = OPT_STR,
      .offset = FIELD(file_path),
      .def = "mail",
      .help = "Directory of the file backend" },
    { .name = "EMAIL_HOST",
      .kind = OPT_STR,
      .check = check_host,
      .offset = FIELD(host),
      .def = "smtp.example.com",
      .help = "SMTP server" },
    { .name = "EMAIL_PORT",
      .kind = OPT_INT,
      .offset = FIELD(port),
      .def = "587",
      .min = 1,
      .max = 65535,
      .help = "Port of the SMTP server" },
    { .name = "EMAIL_USE_TLS",
      .kind = OPT_BOOL,
      .offset = FIELD(use_tls),
      .def = "true",
      .help = "Require STARTTLS; nothing is sent without it" },
    { .name = "EMAIL_USE_SSL",
      .kind = OPT_BOOL,
      .offset = FIELD(use_ssl),
      .def = "false",
      .help = "TLS from the first byte (usually port 465); set EMAIL_USE_TLS to false" },
    { .name = "EMAIL_HOST_USER",
      .kind = OPT_STR,
      .offset = FIELD(user),
      .def = "",
      .help = "User name at the SMTP server; empty for none" },
    { .name = "EMAIL_HOST_PASSWORD",
      .kind = OPT_SECRET,
      .offset = FIELD(password),
      .help = "Password at the SMTP server" },
    { .name = "EMAIL_SSL_CAFILE",
      .kind = OPT_STR,
      .check = setting_readable_file,
      .offset = FIELD(ca_file),
      .def = "",
      .help = "Certificates that vouch for the SMTP server; empty for the system's" },
    { .name = "DEFAULT_FROM_EMAIL",
      .kind = OPT_STR,
      .check = check_sender,
      .offset = FIELD(from),
      .def = "no-reply@example.com",
      .help = "Sender of all mails, an address or Name <address>" },
    { .name = "MAILER_SUBJECT_PREFIX",
      .kind = OPT_STR,
      .offset = FIELD(subject_prefix),
      .def = "",
      .help = "Stands before the subject of every mail, with its own blank" },
    { .name = "MAILER_CONNECTIONS",
      .kind = OPT_INT,
      .offset = FIELD(connections),
      .def = "4",
      .min = 1,
      .max = 64,
      .help = "Mails sent at the same time" },
    { .name = "MAILER_PREFETCH",
      .kind = OPT_INT,
      .offset = FIELD(prefetch),
      .def = "128",
      .min = 0,
      .max = MAILER_PREFETCH_MAX,
      .help = "Most mails taken ahead of the connections while the server is fast" },
    { .name = "MAILER_TEMPLATES_DIR",
      .kind = OPT_STR,
      .offset = FIELD(templates_dir),
      .def = "",
      .help = "Directory whose files replace the built-in mail templates" },
    { .name = "MAILER_LEASE_MS",
      .kind = OPT_INT,
      .offset = FIELD(lease_ms),
      .def = "120000",
      .min = 500,
      .max = 3600000,
      .help = "How long a mail is reserved for one sender, in milliseconds" },
    { .name = "MAILER_CONNECT_TIMEOUT_MS",
      .kind = OPT_INT,
      .offset = FIELD(connect_timeout_ms),
      .def = "5000",
      .min = 100,
      .max = 60000,
      .help = "Time to connect to the SMTP server, in milliseconds" },
    { .name = "MAILER_SEND_TIMEOUT_MS",
      .kind = OPT_INT,
      .offset = FIELD(send_timeout_ms),
      .def = "45000",
      .min = 100,
      .max = 600000,
      .help = "Time for the whole SMTP dialogue, less than half the lease" },
    { 0 },
};

enum mailer_backend mailer_config_backend(const struct mailer_config *cfg)
{
    return (enum mailer_backend)(cfg->backend % BACKENDS);
}

struct letters_config mailer_config_letters(const struct mailer_config *cfg)
{
    return (struct letters_config){ cfg->templates_dir, cfg->from, cfg->subject_prefix };
}

const char *mailer_config_mistake(const struct mailer_config *cfg)
{
    if (mailer_config_backend(cfg) != BACKEND_SMTP)
        return NULL;
    if (cfg->use_ssl && cfg->use_tls)
        return "EMAIL_USE_TLS and EMAIL_USE_SSL exclude each other";
    if (cfg->send_timeout_ms * 2 >= cfg->lease_ms)
        return "MAILER_SEND_TIMEOUT_MS must be less than half of MAILER_LEASE_MS";
    if (*cfg->user && !cfg->password)
        return "EMAIL_HOST_USER is set without EMAIL_HOST_PASSWORD";
    return NULL;
}
