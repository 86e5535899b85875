/* Exit codes (sysexits.h's numbers), the same for every daemon and verb. */
#ifndef LIB_SVC_EXIT_H
#define LIB_SVC_EXIT_H

enum exit_code {
    EXIT_USAGE = 64,         /* the command line is wrong */
    EXIT_REFUSED = 65,       /* what a verb was told cannot be */
    EXIT_MISSING = 69,       /* something it needs is not there */
    EXIT_BUG = 70,           /* our fault, or a failed migration */
    EXIT_CANNOT_CREATE = 73, /* a verb cannot make a file */
    EXIT_AGAIN = 75,         /* try again later */
    EXIT_CONFIG = 78,        /* a setting or key is wrong: restarting does not help */
};

#endif
