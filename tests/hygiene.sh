#!/bin/sh
# hygiene.sh - checks of the text that need no compiler: scripts parse, no path of one machine.
#
#   tests/hygiene.sh             checks the tree; exit 0 clean, 1 with one line per fault
#   tests/hygiene.sh --self-test plants one fault of each kind and demands that each is found
# shellcheck disable=SC2016  # what is planted is text, not for this shell
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1

list_files() { # ROOT: every file that belongs to the source, one a line, relative
    (
        cd "$1" || exit 1
        if git ls-files -co --exclude-standard 2>/dev/null | grep -q .; then
            git ls-files -co --exclude-standard
        else
            find . -type f ! -path './.git/*' ! -path './build/*' | sed 's|^\./||'
        fi
    ) | sort
}

# Folders that are somebody's machine. The dots stand so that this line does not match itself.
machine='(^|[^[:alnum:]_.$}/-])/(wor[k]|hom[e]/[a-z][a-z0-9_-]*|roo[t]|User[s]/[A-Za-z][A-Za-z0-9_-]*)/'
# A template for mkstemp or mkdtemp ends in XXXXXX; other names below the temporary folder are shared.
temporary='(^|[^[:alnum:]_.$}/-])/tm[p]/[A-Za-z0-9]'

check() { # ROOT
    root=$1 faults=0 scripts=0 texts=0
    list=$(list_files "$root") || return 1
    while IFS= read -r f; do
        [ -f "$root/$f" ] || continue
        case $f in
        tests/fuzz/corpus/* | tests/*/data/* | data/* | LICENSE | *.po | *.pot | *.gz | *.zst | *.png) continue ;;
        esac
        texts=$((texts + 1))
        first=$(head -n 1 "$root/$f" | tr -d '\000')
        case $first in
        '#!/bin/sh'* | '#!/usr/bin/env sh'*) parser="sh" ;;
        '#!/bin/bash'* | '#!/usr/bin/env bash'*) parser="bash" ;;
        *) case $f in *.sh) parser="sh" ;; *.py) parser=python ;; *) parser= ;; esac ;;
        esac
        case $first in '#!'*python*) parser=python ;; esac
        case $parser in
        '') ;;
        python)
            scripts=$((scripts + 1))
            python3 -c 'import sys; compile(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1], "exec")' \
                "$root/$f" || { echo "$f: python3 cannot parse it" && faults=$((faults + 1)); }
            ;;
        *)
            scripts=$((scripts + 1))
            "$parser" -n "$root/$f" || { echo "$f: $parser -n cannot parse it" && faults=$((faults + 1)); }
            ;;
        esac
        hits=$({
            grep -InE "$machine" "$root/$f"
            grep -InE "$temporary" "$root/$f" | grep -v XXXXXX
        } | sed "s|^|$f:|")
        if [ -n "$hits" ]; then
            printf '%s\n' "$hits" | cut -c 1-160
            echo "$f: names a folder of one machine; use a relative path, or mkdtemp below TMPDIR"
            faults=$((faults + 1))
        fi
    done <<LIST
$list
LIST
    if [ "$texts" -eq 0 ]; then
        echo "$root: no files found: is this the source folder?"
        return 1
    fi
    echo "hygiene: $texts files, $scripts scripts, $faults faults"
    [ "$faults" -eq 0 ]
}

self_test() {
    wrong=0
    scratch=$(mktemp -d) || exit 1
    trap 'rm -rf "$scratch"' EXIT
    plant() { # EXPECTED (0 clean, 1 fault) NAME TEXT
        rm -rf "$scratch/tree" && mkdir -p "$scratch/tree" && printf '%s\n' "$3" >"$scratch/tree/$2"
        check "$scratch/tree" >/dev/null 2>&1
        got=$?
        [ "$got" -eq "$1" ] || { echo "self-test: $2: $3: expected $1, got $got" && wrong=$((wrong + 1)); }
    }
    plant 0 clean.sh 'echo fine'
    plant 1 broken.sh 'if then'
    plant 1 broken.py 'def'
    plant 1 broken '#!/bin/bash
case x in'
    plant 1 path.c "open(\"/wor""k/main/x\")"
    plant 1 path.md "see /hom""e/someone/x"
    plant 0 relative.md 'see homework/x and ../work/x and "$base/root/x"'
    plant 1 temporary.c "mkdir(\"/tm""p/zb\")"
    plant 0 template.c "mkdtemp(\"/tm""p/zb-XXXXXX\")"
    echo "self-test: 9 plants, $wrong misjudged"
    [ "$wrong" -eq 0 ]
}

case "$#:${1-}" in
0:) check "$(dirname "$here")" ;;
1:--self-test) self_test ;;
*)
    echo "usage: hygiene.sh [--self-test]" >&2
    exit 2
    ;;
esac
