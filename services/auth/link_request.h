/* Requests for links become links: later, and away from who asked, so that neither the
 * answer nor its time tells whether an address belongs to somebody. */
#ifndef AUTH_LINK_REQUEST_H
#define AUTH_LINK_REQUEST_H

struct auth_app;
struct auth_link_requests;

/* Also takes what a replica that ended has left. */
struct auth_link_requests *auth_link_requests_start(struct auth_app *app);
void auth_link_requests_stop(struct auth_link_requests **r);
/* A request was stored. */
void auth_link_requests_wake(struct auth_link_requests *r);

#endif
