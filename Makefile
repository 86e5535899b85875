# Quintet. `make help` lists the targets; `make run` starts everything.
#
# One non-recursive file: every source is found by its place in the tree, objects land in
# build/$(PROFILE), and each compile writes its own dependencies, so that an edited header
# rebuilds only its users.

include mk/flags.mk

B        := build/$(PROFILE)
SERVICES := gateway auth catalog mailer monitor
VERSION  := $(shell cat VERSION)

.PHONY: all help clean
all: $(SERVICES:%=$(B)/bin/%)

# --- lists -------------------------------------------------------------------------
objects = $(patsubst %.c,$(B)/%.o,$(filter-out %_test.c,$(wildcard $(1)/*.c)))

BASE_O := $(call objects,lib/base)
SVC_O  := $(call objects,lib/svc)
TESTS  := $(patsubst %.c,$(B)/%,$(wildcard lib/*/*_test.c services/*/*_test.c))

# --- embedded files ----------------------------------------------------------------
# A set is a folder's files as one symbol: embed_<owner>_<folder>. Every style sheet begins
# with the tokens, so that all pages have the same colours.
TOKENS        := lib/svc/web/tokens.css
proto_FILES   := $(sort $(wildcard proto/*.json))
svc_sql_FILES := $(sort $(wildcard lib/svc/sql/*.sql))
$(foreach s,$(SERVICES),$(foreach d,sql templates pages web,\
    $(eval $(s)_$(d)_FILES := $(sort $(wildcard services/$(s)/$(d)/*.*)))))
SETS := proto svc_sql $(foreach s,$(SERVICES),$(foreach d,sql templates pages web,\
    $(if $($(s)_$(d)_FILES),$(s)_$(d))))

define SET_RULE
$(B)/embed/$(1).S: $$($(1)_FILES) mk/embed.sh | $(B)/embed/
	@mk/embed.sh embed_$(1) $(TOKENS) $$($(1)_FILES) > $$@
$(B)/embed/$(1).o: $(B)/embed/$(1).S $$($(1)_FILES) $(TOKENS)
	@$(CC) -c -o $$@ $$<
endef
$(foreach s,$(SETS),$(eval $(call SET_RULE,$(s))))
$(B)/embed/:
	@mkdir -p $@
.SECONDARY:

# --- compile and link --------------------------------------------------------------
ifneq ($(V),1)
Q := @
say = @printf '  %-4s %s\n' $(1) $(2)
endif

$(B)/%.o: %.c Makefile mk/flags.mk
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/lib/svc/version.o: CPPFLAGS += -DVERSION='"$(VERSION)"'
$(B)/lib/svc/version.o: VERSION

$(B)/libbase.a: $(BASE_O)
$(B)/libsvc.a: $(SVC_O) $(B)/embed/proto.o $(B)/embed/svc_sql.o
$(B)/%.a:
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcsD $@ $^

service_objects = $(call objects,services/$(1)) \
    $(patsubst %,$(B)/embed/%.o,$(filter $(1)_%,$(SETS)))

define SERVICE_RULE
$(B)/bin/$(1): $(call service_objects,$(1)) $(B)/libsvc.a $(B)/libbase.a
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
$(B)/services/$(1)/%_test: $(B)/services/$(1)/%_test.o \
    $(filter-out %/main.o,$(call service_objects,$(1))) $(B)/libsvc.a $(B)/libbase.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS) -lcmocka
endef
$(foreach s,$(SERVICES),$(eval $(call SERVICE_RULE,$(s))))

$(B)/lib/%_test: $(B)/lib/%_test.o $(B)/libsvc.a $(B)/libbase.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

-include $(shell find $(B) -name '*.d' 2>/dev/null)

# --- run, test, tidy ---------------------------------------------------------------
.PHONY: run clean-run deps test test-unit unit test-browser test-proxies test-compose
.PHONY: fuzz psql migration chaos chaos-plants image bench bench-mail lint fmt

# As many compilers as cores, unless the caller said how many.
BUILD = $(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

run:
	@deploy/local/install build run
	@+$(BUILD) -s all
	@BIN_DIR=$(B)/bin deploy/local/run

clean-run:
	@deploy/local/clean-run

# Builds every unit test without running it, and the fuzzers.
unit: $(TESTS) fuzz-programs

test:
	@deploy/local/install build run test
	@+$(BUILD) all unit
	@tests/run $(PROFILE)

image:
	docker build -f deploy/Dockerfile -t quintet:local --build-arg VERSION=$(VERSION) \
	    --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) \
	    $(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) .

# The pages in a real Chromium: all daemons for the whole story, a made-up day for every page.
test-browser:
	@deploy/local/install build run test browser
	@+$(BUILD) all
	@tests/run $(PROFILE) browser

# The front door behind the reverse proxies of deploy/proxy.
test-proxies:
	@deploy/local/install build run test proxy
	@+$(BUILD) all
	@tests/run $(PROFILE) proxies

test-compose:
	@tests/compose/run

# The parsers under sanitizers for FUZZ_SECONDS each; `make test` gives each a second.
fuzz:
	@deploy/local/install build run test
	@+$(MAKE) --no-print-directory PROFILE=asan fuzz-run

# Faults without end: a storm over everything, then the proof that it notices planted bugs.
# CHAOS='--acks 100000 --faults 5000' makes it last hours.
chaos:
	@deploy/local/install build run test
	@+$(BUILD) all
	@tests/faults/run storm $(CHAOS)

chaos-plants:
	@deploy/local/install build run test
	@+$(BUILD) all
	@tests/faults/run plants

bench:
	@deploy/local/install build run bench
	@+$(BUILD) all bench-programs
	@tests/bench/run $(if $(BENCH_ROWS),--rows $(BENCH_ROWS))

bench-mail:
	@deploy/local/install build run bench test
	@+$(BUILD) all bench-programs
	@tests/bench/mail

-include tests/bench/module.mk
-include tests/fuzz/module.mk

fmt:
	clang-format -i $(shell git ls-files '*.c' '*.h')

lint:
	@deploy/local/install build test lint
	@mk/lint.sh

# SERVICE=catalog make psql
psql:
	@deploy/local/psql $(or $(SERVICE),auth)

migration:
	@mk/migration.sh '$(SERVICE)' '$(NAME)'

clean:
	rm -rf build

help:
	@echo 'make               build the five daemons into $(B)/bin'
	@echo 'make run           install what is missing, build, start everything (Ctrl-C stops)'
	@echo 'make clean-run     wipe the data of make run'
	@echo 'make psql          psql on the database of make run (SERVICE=auth)'
	@echo 'make migration     begin a migration (SERVICE=auth NAME=what_it_does)'
	@echo 'make image         the container image quintet:local'
	@echo 'make test          unit, contract and whole-system tests (PROFILE=asan for sanitizers)'
	@echo 'make test-browser  the pages in a real browser'
	@echo 'make test-proxies  the front door behind nginx and HAProxy'
	@echo 'make fuzz          the parsers under sanitizers, FUZZ_SECONDS=60 each'
	@echo 'make test-compose  the containers: up, scaled, rolled, killed, cut off, under load'
	@echo 'make chaos         kill and stop everything under load, then count what was lost'
	@echo 'make chaos-plants  prove with planted bugs that chaos would notice'
	@echo 'make bench         CPU per request beside the floors of this machine'
	@echo 'make bench-mail    mails a second and CPU per mail beside libcurl alone'
	@echo 'make lint          style, layers, budgets'
	@echo 'make fmt           format the C sources'
	@echo 'make clean         remove all that was built'
