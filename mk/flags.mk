# Compiler and linker flags. The list of hardening flags and why: docs/ARCHITECTURE.md.

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
            -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wpointer-arith \
            -Werror=implicit-function-declaration -Werror=format-security
ifeq ($(CI),true)
WARNINGS += -Werror
endif

HARDENING := -fstack-protector-strong -fstack-clash-protection \
             -ftrivial-auto-var-init=zero -fPIE
ifeq ($(shell uname -m),x86_64)
HARDENING += -fcf-protection=full -fzero-call-used-regs=used-gpr
endif
HARDENING_LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code

CFLAGS_release := -O2 -g1 -D_FORTIFY_SOURCE=3
CFLAGS_debug   := -Og -g3
CFLAGS_asan    := -O1 -g2 -fno-omit-frame-pointer -fsanitize=address,undefined \
                  -fno-sanitize-recover=undefined
# The sanitizer has a crypt_r of its own that calls the real one: it must be there.
LDFLAGS_asan   := -fsanitize=address,undefined -Wl,--no-as-needed -lcrypt

PROFILES := release debug asan
PROFILE ?= release
ifeq ($(filter $(PROFILE),$(PROFILES)),)
$(error PROFILE is one of: $(PROFILES))
endif

CPPFLAGS += -D_GNU_SOURCE -Ilib -Iservices -isystem /usr/include/postgresql
CFLAGS   := -std=c17 $(CFLAGS_$(PROFILE)) $(WARNINGS) $(HARDENING) $(EXTRA_CFLAGS)
LDFLAGS  := $(LDFLAGS_$(PROFILE)) $(HARDENING_LINK) -Wl,--as-needed $(EXTRA_LDFLAGS)
LDLIBS   := -lczmq -lzmq -lmicrohttpd -ljansson -lpq -lhiredis -ljwt -lcurl -lsodium \
            -lunistring -lidn2 -lz -lzxcvbn -lcrypt -lcrypto -lm -lpthread
