/*
 * `<service> migrate [--status]`: numbered up-only SQL files (NNNN_what.sql, each one
 * transaction) applied once in order, with a checksum table. Connects as POSTGRES_USER,
 * creates the service's schema and its two roles (<db>_<service>_owner, no login, and
 * <db>_<service>, DML only), sets the runtime role's password from db.password in the
 * service's key directory on every run, and grants. Without CREATEROLE: single-role mode
 * with a warning. Brings the extension that searches use into schema public, where every
 * service may use it. Concurrent runs take turns by a lock row and retry conflicts in
 * the system tables.
 */
#ifndef LIB_SVC_MIGRATE_H
#define LIB_SVC_MIGRATE_H

#include <stdbool.h>

#include "svc/db.h"

struct migrate_config {
    struct db_config db; /* user and password of POSTGRES_USER */
    const char *service;
    const struct secret *password; /* for the runtime role */
    const struct embed_file *const *sql_sets;
};

/* Blocks (a verb, not a daemon). Prints what it does, one line each. Exit code: 0; 69
 * when the server cannot be reached; 70 when a migration fails; 78 when an applied file
 * was changed. status_only lists applied and pending files. */
int migrate_run(const struct migrate_config *cfg, bool status_only);

#endif
