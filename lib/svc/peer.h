/*
 * One client socket (SUB, PUB, ...) connected to every address of an endpoint list, by
 * CURVE, that heals: libzmq gives an endpoint up for good after one ZAP refusal, so its
 * socket monitor is watched and each refused endpoint is disconnected and connected again
 * every 5 s (the window that key rotation needs). All in the loop's thread.
 */
#ifndef LIB_SVC_PEER_H
#define LIB_SVC_PEER_H

#include "svc/keys.h"
#include "svc/loop.h"

struct peer_link;

/* peer: name of the service that listens there. NULL when no certificate of it exists. */
struct peer_link *peer_link_new(struct loop *l, struct keys *k, int zmq_type,
                                const char *peer, const char *endpoints);
/* The raw socket, borrowed: set subscriptions, add to the loop, send, receive. */
void *peer_link_socket(struct peer_link *p);
void peer_link_free(struct peer_link **p);

#endif
