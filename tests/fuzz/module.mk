# tests/fuzz: a program per owner of parsers, fuzz.c with <owner>_fuzz.c and what that owner
# is made of; included by the Makefile.

FUZZ_OWNERS := svc gateway catalog mailer monitor
FUZZ_PROGS  := $(FUZZ_OWNERS:%=$(B)/tests/fuzz/%_fuzz)

FUZZ_SECONDS ?= 60

.PHONY: fuzz-programs fuzz-run
fuzz-programs: $(FUZZ_PROGS)

fuzz-run: export LSAN_OPTIONS := print_suppressions=0:suppressions=tests/support/lsan.supp
fuzz-run: $(FUZZ_PROGS)
	@for p in $^; do $$p --seconds $(FUZZ_SECONDS) || exit 1; done

define FUZZ_RULE
$(B)/tests/fuzz/$(1)_fuzz: $(B)/tests/fuzz/$(1)_fuzz.o $(B)/tests/fuzz/fuzz.o \
    $(if $(filter $(1),$(SERVICES)),$(filter-out %/main.o,$(call service_objects,$(1)))) \
    $(B)/libsvc.a $(B)/libbase.a
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach o,$(FUZZ_OWNERS),$(eval $(call FUZZ_RULE,$(o))))
