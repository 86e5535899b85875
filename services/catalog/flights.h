/*
 * Questions that several ask at the same time, asked once: who comes while a flight with
 * the same key is under way waits for its answer. One who comes after a write must not be
 * told what was true before it: he waits for the end of the flight, for one at a time is
 * enough, and then asks again. Pure memory.
 */
#ifndef CATALOG_FLIGHTS_H
#define CATALOG_FLIGHTS_H

#include <stdint.h>

#include "base/str.h"

struct catalog_flights;
struct catalog_flight;

/* Part of who waits. */
struct catalog_waiter {
    struct catalog_waiter *next;
};

struct catalog_flights *catalog_flights_new(void);
/* Flights under way are forgotten, those who wait are not touched. */
void catalog_flights_free(struct catalog_flights **f);

/* `w` waits for the answer to `key` as it is at `age` (catalog_counts_age). NULL: it is
 * on its way already. Otherwise the caller asks, and says catalog_flights_end when it has
 * the answer. The key is copied. */
struct catalog_flight *catalog_flights_join(struct catalog_flights *f, struct str key,
                                            uint64_t age, struct catalog_waiter *w);
struct str catalog_flight_key(const struct catalog_flight *flight);
uint64_t catalog_flight_age(const struct catalog_flight *flight);
/* The flight is over; frees it. Whom its answer is for, and who has to ask again; both in
 * the order they came, NULL when there is nobody. */
void catalog_flights_end(struct catalog_flights *f, struct catalog_flight **flight,
                         struct catalog_waiter **ret_answered,
                         struct catalog_waiter **ret_late);

#endif
