/*
 * Shared by keys*.c and their test only: reading certificates, and the faults that a test
 * plants to prove that it would notice an open door.
 */
#ifndef LIB_SVC_KEYS_PRIVATE_H
#define LIB_SVC_KEYS_PRIVATE_H

#include <time.h>

#include "svc/keys.h"

enum { KEYS_Z85_SIZE = 41, KEYS_FILE_MAX = 64 * 1024 };

enum keys_fault {
    KEYS_FAULT_NONE = 0,
    KEYS_FAULT_NO_HANDLER = 1, /* no ZAP handler is started */
    KEYS_FAULT_NO_ENFORCE = 2, /* option 93 is left off */
};

/* keys_open with planted faults. For clients in tests: KEYS_FAULT_NO_HANDLER, because a
 * process has only one handler. */
struct keys *keys_open_with(const char *service, const char *own_dir,
                            const char *public_dir, unsigned faults);

/* One certificate. */
struct key_cert {
    char name[KEYS_NAME_MAX + 1];
    char key[KEYS_Z85_SIZE]; /* public, Z85 */
    bool client_only;        /* `use = "client"`: calls in that name, listens nowhere */
    struct timespec modified;
};

/* Reads what a certificate says; false when name or public key are missing or odd.
 * modified is left alone. */
bool key_cert_parse(struct str text, struct key_cert *ret);
/* The quoted value of `key = "value"` on a line of its own. */
bool key_cert_field(struct str text, const char *key, struct str *ret);
/* Every certificate of a directory (*.cert); heap, *ret_n long. NULL and *ret_n 0 when
 * the directory cannot be read. *ret_modified is the directory's time before reading. */
struct key_cert *key_certs_read(const char *dir, size_t *ret_n,
                                struct timespec *ret_modified);
/* Lower-case letters, digits and '-', 1 to KEYS_NAME_MAX. */
bool key_name_fine(struct str name);
/* The secret half of a key file as Z85; checks it against the public half. NULL and
 * *ret_why (static text) when it cannot be used. */
struct secret *key_pair_read(const char *path, char ret_public[static KEYS_Z85_SIZE],
                             const char **ret_why);

#endif
