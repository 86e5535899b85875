/* What is wrong, in sentences with their evidence: the head of the overview. */
#ifndef MONITOR_ATTENTION_H
#define MONITOR_ATTENTION_H

#include "monitor/app.h"

/* Looks whether enough of each service of MONITOR_EXPECT is there. Twice a second. */
void attention_tick(struct monitor_app *app);
/* "attention": [...], the broken first. */
void attention_write(const struct monitor_app *app, struct jsonw *w);

#endif
