/* The verbs of auth. */
#ifndef AUTH_SUPERUSER_H
#define AUTH_SUPERUSER_H

#include "svc/svc.h"

/* Makes an administrator, asking for what the arguments and DJANGO_SUPERUSER_USERNAME,
 * _EMAIL and _PASSWORD leave open. 0; 64 usage; 65 an answer is refused or taken;
 * 69 the database cannot be reached. */
int auth_createsuperuser(struct svc *svc, int argc, char **argv);
/* `changepassword NAME`: asks twice. 65 no such user, or the password is refused; 78
 * without auth's keys; 64 and 69 as above. */
int auth_changepassword(struct svc *svc, int argc, char **argv);
/* `keys list` and `keys rotate`: the signing keys; a new one signs AUTH_KEY_LEAD_S later.
 */
int auth_keys(struct svc *svc, int argc, char **argv);
/* `users list | show | activate | deactivate | set-role | delete | end-sessions |
 * unlock`: accounts. 0 also when there was nothing to change; 65 no such user, or the
 * last active administrator; 78 show and unlock without auth's keys; 64 and 69 as above.
 */
int auth_users(struct svc *svc, int argc, char **argv);

/* The verbs of this service, ended by name NULL. */
extern const struct svc_verb AUTH_VERBS[];

#endif
