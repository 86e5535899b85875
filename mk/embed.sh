#!/bin/sh
# Writes assembler that holds files as a `struct embed_file` set (lib/svc/embed.h):
#   mk/embed.sh SYMBOL TOKENS FILE...
# A style sheet among them begins with the content of TOKENS.
# The assembler's .incbin reads them in place, so no byte passes through a generator.
set -eu
symbol=$1 tokens=$2
shift 2
echo '    .section .rodata'
i=0
for file in "$@"; do
    printf '.Lname%d: .asciz "%s"\n' "$i" "${file##*/}"
    printf '.Ldata%d:\n' "$i"
    case $file in *.css) printf '    .incbin "%s"\n' "$tokens" ;; esac
    printf '    .incbin "%s"\n.Lend%d: .byte 0\n' "$file" "$i"
    i=$((i + 1))
done
printf '    .section .data.rel.ro,"aw"\n    .balign 8\n    .globl %s\n%s:\n' "$symbol" "$symbol"
n=$i
i=0
while [ "$i" -lt "$n" ]; do
    printf '    .quad .Lname%d, .Ldata%d, .Lend%d - .Ldata%d\n' "$i" "$i" "$i" "$i"
    i=$((i + 1))
done
printf '    .quad 0, 0, 0\n    .section .note.GNU-stack,"",@progbits\n'
