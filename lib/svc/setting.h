/*
 * What texts of settings may be: the `check` of option rows (options.h). Each gives NULL,
 * or the rest of a sentence, static. None blocks or asks anybody.
 */
#ifndef LIB_SVC_SETTING_H
#define LIB_SVC_SETTING_H

/* Where http_start listens: "127.0.0.1:8000", "[::]:8000", ":8000". */
const char *setting_http_listen(const char *text);
/* Where a ZeroMQ socket is bound: "tcp://127.0.0.1:7001", "tcp://[::]:7001", or with the
 * name of an interface, or a star for all addresses; the port 0 or a star: any free one.
 */
const char *setting_zmq_listen(const char *text);
/* Peers: a comma list of "tcp://host:port" (resolve.h). */
const char *setting_endpoints(const char *text);
/* The same, or "none". */
const char *setting_endpoints_or_none(const char *text);
/* A comma list of ports, as libpq takes it. */
const char *setting_ports(const char *text);
/* libpq's sslmode. */
const char *setting_sslmode(const char *text);
/* The base of links: http or https, a host, perhaps a port and a path; nothing else. */
const char *setting_base_url(const char *text);
/* A comma list of networks (address.h). */
const char *setting_networks(const char *text);
/* Reverse proxies: a comma list of networks and host names (proxies.h). */
const char *setting_proxies(const char *text);
/* A file that can be opened for reading now. */
const char *setting_readable_file(const char *text);

#endif
