/*
 * The figures of a beat: counters and mergeable histograms since the start of the
 * process, read from the same registry that /metrics prints (proto/PROTOCOL.md 7 has the
 * list). Totals, not differences: a lost beat loses no figure.
 */
#ifndef LIB_SVC_TELEMETRY_FIGURES_H
#define LIB_SVC_TELEMETRY_FIGURES_H

#include "base/jsonw.h"

/* Writes the members "counters" and "histograms" into an open object. Only what this
 * process counts appears. */
void telemetry_figures(struct jsonw *w);

#endif
