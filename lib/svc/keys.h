/*
 * Who may talk to whom: CURVE key pairs and the allow-list (proto/PROTOCOL.md 5).
 * Fails closed: ZAP handler first, every bind with a ZAP domain that must be enforced,
 * all in czmq's one context.
 *
 * On disk: <root>/keys-<service>/ holds what only that service may see (curve.key_secret,
 * database passwords, auth's master.key, mailer's seal.key), <root>/keys-public/ holds
 * what all may see: one certificate per key (*.cert, with metadata `name`) and
 * mailer.seal.pub. Several certificates may carry one name (rotation, tests).
 */
#ifndef LIB_SVC_KEYS_H
#define LIB_SVC_KEYS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/secret.h"

struct keys;

enum { KEYS_NAME_MAX = 32 }; /* characters of a certificate's name */

/* Starts czmq's context (signal handlers left alone) and the ZAP handler over
 * public_dir, and loads own_dir/curve.key_secret. NULL and a log line when the pair
 * cannot be read or its halves do not match: the caller exits 78. Call once. */
struct keys *keys_open(const char *service, const char *own_dir, const char *public_dir);
void keys_close(struct keys **k);

/* Makes a ROUTER/PUB/... socket of this type ready to bind as CURVE server: domain,
 * enforcement (option 93), limits, linger. NULL when libzmq refuses. The raw handle is
 * zsock_resolve()d; close with keys_socket_free. */
void *keys_server_socket(struct keys *k, int zmq_type);
/* A socket ready to connect to a peer service: our pair, the peer's public key (the
 * newest certificate whose name is peer and that is not marked `use = "client"`). NULL
 * when no such certificate is there. */
void *keys_client_socket(struct keys *k, int zmq_type, const char *peer);
/* A DEALER that no server of ours may serve: with a pair that was made for this call, or
 * without CURVE. Calls once, never again. For the trial at a start (trial.h). */
void *keys_stranger_socket(struct keys *k, bool curve);
/* zmq_bind and zmq_connect, IPv6 where the endpoint is ("tcp://[::1]:7001"): 0, or -1
 * with zmq_errno. */
int keys_bind(void *socket, const char *endpoint);
int keys_connect(void *socket, const char *endpoint);
void keys_socket_free(struct keys *k, void **socket);
/* Whether keys_client_socket finds a certificate of this peer now. */
bool keys_know(struct keys *k, const char *peer);

/* True while some certificate in public_dir carries this name and this key (the socket's
 * User-Id, Z85 text): asked for every message, because removing a key does not cut a live
 * connection. Reads the directory again when it changed, at most once a second. */
bool keys_allowed(struct keys *k, const char *name, const char *user_id);

/* Reads a secret from own_dir/name. NULL with *ret_why when absent or refused. */
struct secret *keys_secret(struct keys *k, const char *name, const char **ret_why);
/* Bytes of a public file (public_dir/name), at most 64 KiB; free(3). NULL when absent. */
char *keys_public_file(struct keys *k, const char *name, size_t *ret_n);

/* The verb: creates what is missing under root for all five services; prints what it did;
 * leaves what exists alone. 0, or an exit code after a message on stderr. */
int keys_generate(const char *root);
/* `keygen --password-file FILE`, for the server and the migrations to read: wanted
 * (POSTGRES_PASSWORD), in place of what the file held; NULL makes a random one, once. 0,
 * or an exit code after a message on stderr. */
int keys_postgres_password(const char *path, const struct secret *wanted);
/* `keygen --client NAME --out DIR`: one more pair that carries the name of a service:
 * DIR/NAME.key_secret and root's keys-public/NAME-<random>.cert. */
int keys_generate_client(const char *root, const char *name, const char *out_dir);

#endif
