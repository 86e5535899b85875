#include "catalog/flights.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct queue {
    struct catalog_waiter *first, *last;
};

struct catalog_flight {
    struct catalog_flight *next;
    uint64_t age;
    struct queue waiting, late;
    size_t key_n;
    char key[];
};

/* As many as questions under way: a few. */
struct catalog_flights {
    struct catalog_flight *first;
};

struct catalog_flights *catalog_flights_new(void)
{
    return xcalloc(1, sizeof(struct catalog_flights));
}

void catalog_flights_free(struct catalog_flights **f)
{
    struct catalog_flights *all = *f;
    *f = NULL;
    for (struct catalog_flight *next; all && all->first; all->first = next) {
        next = all->first->next;
        free(all->first);
    }
    free(all);
}

static void push(struct queue *q, struct catalog_waiter *w)
{
    w->next = NULL;
    if (q->last)
        q->last->next = w;
    else
        q->first = w;
    q->last = w;
}

static struct catalog_flight *find(const struct catalog_flights *f, struct str key)
{
    struct catalog_flight *at = f->first;
    while (at && !str_eq(catalog_flight_key(at), key))
        at = at->next;
    return at;
}

struct catalog_flight *catalog_flights_join(struct catalog_flights *f, struct str key,
                                            uint64_t age, struct catalog_waiter *w)
{
    struct catalog_flight *flight = find(f, key);
    if (flight) {
        push(flight->age == age ? &flight->waiting : &flight->late, w);
        return NULL;
    }
    flight = xmalloc(sizeof(*flight) + key.n);
    *flight = (struct catalog_flight){ .next = f->first, .age = age, .key_n = key.n };
    if (key.n > 0)
        memcpy(flight->key, key.p, key.n);
    push(&flight->waiting, w);
    f->first = flight;
    return flight;
}

struct str catalog_flight_key(const struct catalog_flight *flight)
{
    return (struct str){ flight->key, flight->key_n };
}

uint64_t catalog_flight_age(const struct catalog_flight *flight)
{
    return flight->age;
}

void catalog_flights_end(struct catalog_flights *f, struct catalog_flight **flight,
                         struct catalog_waiter **ret_answered,
                         struct catalog_waiter **ret_late)
{
    struct catalog_flight **at = &f->first;
    while (*at != *flight)
        at = &(*at)->next;
    *at = (*flight)->next;
    *ret_answered = (*flight)->waiting.first;
    *ret_late = (*flight)->late.first;
    free(*flight);
    *flight = NULL;
}
