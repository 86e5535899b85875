#include "base/hash.h"

static const uint64_t PRIME = UINT64_C(0x100000001b3);

uint64_t hash_fnv1a(uint64_t h, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * PRIME;
    return h;
}
