#!/bin/sh
# Begins the next migration of a service: mk/migration.sh SERVICE NAME. Applied files are
# never changed, so each change of a schema is a file of its own.
set -eu
service=${1-} name=${2-}
dir=services/$service/sql
case $name in '' | *[!a-z0-9_]*)
    echo "migration: make migration SERVICE=auth NAME=what_it_does (a-z, 0-9, _)" >&2
    exit 64 ;;
esac
[ -n "$service" ] && [ -d "$dir" ] ||
    { echo "migration: no folder services/$service/sql" >&2; exit 64; }
last=$(ls "$dir" | sed -n 's/^\([0-9][0-9][0-9][0-9]\)_.*\.sql$/\1/p' | sort | tail -n 1)
# A leading zero would make it octal.
next=$(printf '%04d' $((1${last:-0000} - 10000 + 1)))
file=$dir/${next}_$name.sql
printf -- '-- What this changes, and why. One transaction; no names of schemas.\n' >"$file"
echo "$file"
