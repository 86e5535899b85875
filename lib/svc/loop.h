/*
 * The event loop every daemon turns: ZeroMQ sockets, file descriptors, timers, work
 * posted by other threads, and hooks at the end of each turn (where batched queries go
 * out under one sync). One thread; nothing in a callback may block.
 */
#ifndef LIB_SVC_LOOP_H
#define LIB_SVC_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_source;
struct loop_timer;

typedef void loop_fn(void *arg);
/* events is a mask of LOOP_READ and LOOP_WRITE that are ready; errors and hang-ups are
 * reported as readable. */
typedef void loop_fd_fn(void *arg, int events);
enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop *loop_new(void);
void loop_free(struct loop **l);
/* Turns until loop_stop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Calls fn when the raw ZeroMQ socket may be readable; fn drains it (DONTWAIT until
 * EAGAIN, bounded). The socket stays the caller's. */
struct loop_source *loop_add_socket(struct loop *l, void *socket, loop_fn *fn, void *arg);
/* Say so after each use of a watched ZeroMQ socket outside of its own callback (send,
 * connect, subscribe): the use may have swallowed the note that messages are there.
 * Forgotten, they wait for the next turn that comes for another reason and is 100 ms
 * later than the last look at all. NULL is fine. */
void loop_used(struct loop_source *s);
/* Watches a descriptor, which stays the caller's, for a mask of LOOP_READ/LOOP_WRITE. */
struct loop_source *loop_add_fd(struct loop *l, int fd, int events, loop_fd_fn *fn,
                                void *arg);
/* Changes the mask (0 = dormant). */
void loop_set_events(struct loop_source *s, int events);
/* Stops watching and nulls *s; allowed inside its own callback; NULL is fine. */
void loop_remove(struct loop_source **s);

/* Calls fn after delay_ms, then every period_ms (0 = once: the handle is dead after the
 * call). Cancel before freeing arg. */
struct loop_timer *loop_timer(struct loop *l, int64_t delay_ms, int64_t period_ms,
                              loop_fn *fn, void *arg);
/* Nulls *t; NULL is fine; allowed inside its own callback. Never cancel a one-shot timer
 * after it fired: null your handle in its callback. */
void loop_timer_cancel(struct loop_timer **t);

/* Calls fn at the end of every turn, in the order added. Never removed. */
void loop_at_turn_end(struct loop *l, loop_fn *fn, void *arg);
/* From any thread: calls fn(arg) in the loop's thread, in order. Wakes the loop. */
void loop_post(struct loop *l, loop_fn *fn, void *arg);
/* Milliseconds of the monotonic clock, read once a turn. */
int64_t loop_now_ms(const struct loop *l);
/* When the last turn began (monotonic ms); for /livez; any thread. */
int64_t loop_last_turn_ms(const struct loop *l);

#endif
