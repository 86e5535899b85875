#!/bin/sh
# Style, layers and budgets, as docs/ARCHITECTURE.md promises them. Prints what is wrong,
# one line each; exit 1 when there is anything.
set -u
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT
sources=$(git ls-files '*.c' '*.h')

say() { printf '%s\n' "$1" >>"$bad"; }

# Arrows point down only: services -> lib/svc -> lib/base; no service sees another. Tests
# are linked with every layer: err_test compares the table with the embedded errors.json.
grep -nE '#include "(svc|gateway|auth|catalog|mailer|monitor)/' lib/base/*.[ch] |
    grep -v '^[^:]*_test\.c:' | while read -r l; do say "layer: lib/base includes upwards: $l"; done
grep -nE '#include "(gateway|auth|catalog|mailer|monitor)/' lib/svc/*.[ch] |
    while read -r l; do say "layer: lib/svc includes a service: $l"; done
for s in gateway auth catalog mailer monitor; do
    grep -nE '#include "(gateway|auth|catalog|mailer|monitor)/' services/$s/*.[ch] 2>/dev/null |
        grep -v "#include \"$s/" | while read -r l; do say "layer: $s includes another service: $l"; done
done

# Each given library has one door.
door() { # HEADER PATTERN-OF-FILES-THAT-MAY
    grep -lE "#include <$1>" $sources | grep -vE "$2" |
        while read -r f; do say "door: $f includes <$1>"; done
}
door 'microhttpd.h' '^(lib/svc/http[^/]*|tests/bench/.*)$'
door 'libpq-fe.h' '^(lib/svc/(db|migrate|test_postgres|svc_once)[^/]*|tests/bench/.*)$'
door 'jwt.h' '^lib/svc/token[^/]*$'
door 'curl/curl.h' '^(services/mailer/smtp[^/]*|tests/bench/.*)$'
door 'hiredis/[a-z]*.h' '^(lib/svc/redis|services/gateway/redis)[^/]*$'
door 'zlib.h' '^lib/svc/http_document[^/]*$'
door 'zxcvbn.h' '^services/auth/password_strength.c$'

# Functions that cannot be used safely on what comes from outside; tests make their own.
grep -nE '\b(strcpy|strcat|sprintf|gets|atoi|atol|strtok|system|popen|alloca)\(' $sources |
    grep -v '^[^:]*_test\.c:' | while read -r l; do say "banned: $l"; done

# Budgets: files of 600 lines, lines of 90 columns.
for f in $sources; do
    n=$(wc -l <"$f")
    case $f in *_test.c) most=900 ;; *) most=600 ;; esac
    [ "$n" -le "$most" ] || say "size: $f has $n lines"
    awk -v f="$f" 'length($0) > 90 { printf "width: %s:%d has %d columns\n", f, FNR, length($0) }' "$f" >>"$bad"
done

# One anatomy.
for s in gateway auth catalog mailer monitor; do
    for f in main.c config.c config.h app.c app.h README.md; do
        [ -f "services/$s/$f" ] || say "anatomy: services/$s/$f is missing"
    done
    n=$(wc -l <"services/$s/main.c" 2>/dev/null || echo 0)
    [ "$n" -le 40 ] || say "anatomy: services/$s/main.c has $n lines"
done

# Headers stand alone.
for h in $(git ls-files '*.h'); do
    printf '#include "%s"\n' "$PWD/$h" |
        cc -std=c17 -D_GNU_SOURCE -Ilib -Iservices -isystem /usr/include/postgresql -x c -fsyntax-only - 2>/dev/null ||
        say "header: $h does not stand alone"
done

if command -v clang-format >/dev/null; then
    for f in $sources; do
        clang-format --dry-run -Werror "$f" >/dev/null 2>&1 || say "format: $f (make fmt)"
    done
fi

sort -u "$bad"
n=$(sort -u "$bad" | wc -l)
echo "$n findings"
[ "$n" -eq 0 ]
