/* What is wrong, in sentences with their evidence: the head of the overview. */
#ifndef MONITOR_ATTENTION_H
#define MONITOR_ATTENTION_H

#include "monitor/app.h"

/* "attention": [...], the broken first. */
void attention_write(const struct monitor_app *app, struct jsonw *w);

#endif
