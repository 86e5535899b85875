#include "svc/svc.h"

const char SVC_VERSION[] = VERSION;
