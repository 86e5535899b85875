/*
 * Answers without an end (server-sent events): a thread hands bytes over when it has
 * some, the listener's thread sends them, nobody blocks and no thread is spent on a
 * client. A reader that takes nothing for a while is cut off by the listener.
 *
 * Life: http_stream_open in place of http_reply; http_stream_write as often as one
 * likes; http_stream_end exactly once, also when the client has gone. A listener is
 * stopped only after every stream was ended.
 */
#ifndef LIB_SVC_HTTP_STREAM_H
#define LIB_SVC_HTTP_STREAM_H

#include "svc/http.h"

struct http_stream;

/* Answers r with the status and headers of a (its body is not looked at) and keeps the
 * answer open. room: bytes that may wait for a slow reader. Never NULL. Any thread when r
 * is suspended, else the listener's. */
struct http_stream *http_stream_open(struct http_request *r, const struct http_answer *a,
                                     size_t room);
enum http_stream_state {
    HTTP_STREAM_OK,
    HTTP_STREAM_FULL, /* nothing was taken: the reader is behind by `room` */
    HTTP_STREAM_GONE, /* the client has left; only http_stream_end is left to do */
};
/* Copies all of the bytes or none. Any thread; does not block. */
enum http_stream_state http_stream_write(struct http_stream *s, struct str bytes);
/* Bytes taken and not handed to the connection yet. Any thread. */
size_t http_stream_waiting(struct http_stream *s);
/* Sends what waits, closes the answer, frees, nulls. NULL is fine. Any thread. */
void http_stream_end(struct http_stream **s);

#endif
