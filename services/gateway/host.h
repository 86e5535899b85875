/* Which Host headers this system answers for, and the base of links it writes. */
#ifndef GATEWAY_HOST_H
#define GATEWAY_HOST_H

#include <stdbool.h>

#include "base/str.h"

struct gateway_hosts;

/* public_url's host, localhost, 127.0.0.1, [::1] and those of the comma list (".name"
 * stands for a name and all below it, "*" for all). NULL when public_url is not an http
 * or https URL. */
struct gateway_hosts *gateway_hosts_new(const char *public_url, const char *allowed);
void gateway_hosts_free(struct gateway_hosts **h);
/* host as in the header: any port, any case. */
bool gateway_host_allowed(const struct gateway_hosts *h, struct str host);
/* "http://localhost:8000", without a slash at the end; borrowed. */
const char *gateway_hosts_public(const struct gateway_hosts *h);

#endif
