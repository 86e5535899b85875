/*
 * FNV-1a, 64 bits (RFC 9923): spreads keys over the slots of a table. It withstands
 * nobody who chooses keys on purpose: where that could hurt, the start holds a random
 * seed, and whoever finds a slot compares the key itself.
 */
#ifndef LIB_BASE_HASH_H
#define LIB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The offset basis: where a hash starts, exclusive-ored with the seed if there is one. */
#define HASH_START UINT64_C(0xcbf29ce484222325)

/* The hash of n bytes, going on from `h`: HASH_START, or that of the bytes before. */
uint64_t hash_fnv1a(uint64_t h, const void *bytes, size_t n);

#endif
