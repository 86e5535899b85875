# tests/bench: the programs `make bench` needs besides the daemons. Each is <program>.c and
# bench.c with the libraries of its BENCH_LIBS_<program>; included by the Makefile, whose
# compile rule makes the objects.

BENCH_PROGS := load floor_http floor_zmq floor_pg floor_smtp sink_smtp

BENCH_LIBS_load       :=
BENCH_LIBS_floor_http := -lmicrohttpd -lpthread
BENCH_LIBS_floor_zmq  := -lzmq -lpthread
BENCH_LIBS_floor_pg   := -lpq
BENCH_LIBS_floor_smtp := -lcurl
BENCH_LIBS_sink_smtp  :=

.PHONY: bench-programs
bench-programs: $(BENCH_PROGS:%=$(B)/bench/%)

$(BENCH_PROGS:%=$(B)/bench/%): $(B)/bench/%: $(B)/tests/bench/%.o $(B)/tests/bench/bench.o
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(BENCH_LIBS_$*)
