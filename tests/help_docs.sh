#!/bin/sh
# help_docs.sh - what --help prints and what docs/cli.md says are the same list.
#
#   tests/help_docs.sh               compares; exit 0 same, 1 with one line per difference, 77 skipped
#   tests/help_docs.sh --self-test   plants one difference of each kind and demands that each is found
#   ZB_BINARY_DIR                    where the programs stand (default build/release)
#
# From --help (in English, LC_ALL=C.UTF-8) it takes every `--option`, and as commands the first
# words of the indented lines under a heading that ends in "ommands:"; `PROGRAM COMMAND --help` is
# read the same way, so options of a command count too. In docs/cli.md every `--option` counts, and
# every code span or code line that begins with a program's name.
# shellcheck disable=SC2016  # a backquote in quotes is Markdown here
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
root=$(dirname "$here")
programs="zhengban zhengban-collector zhengban-matcher zhengban-notifier"

options_in() { # text on stdin -> one --option a line
    grep -oE '(^|[^[:alnum:]_-])--[a-z][a-z0-9-]*' | sed 's/^[^-]*//' | sort -u
}

commands_in() { # help text on stdin -> one command a line ("case list")
    awk '
        /ommands:[ \t]*$/ { on = 1; next }
        on && /^[^ \t]/ { on = 0 }
        on && /^[ \t]+[a-z]/ {
            depth = match($0, /[^ \t]/)
            if (indent[on] == "" ) indent[on] = depth
            if (depth != indent[on]) next            # a continued description
            line = substr($0, depth)
            sub(/[ \t][ \t].*/, "", line)             # the description follows two blanks
            n = split(line, word, " ")
            name = ""
            for (i = 1; i <= n && word[i] ~ /^[a-z][a-z0-9-]*$/; i++)
                name = name (i > 1 ? " " : "") word[i]
            if (name != "") print name
        }' | sort -u
}

read_help() { # BINARY DEPTH WORDS... -> appends to $scratch/options.$name and $scratch/commands.$name
    binary=$1 depth=$2
    shift 2
    # shellcheck disable=SC2086  # the words of a command are separate arguments
    LC_ALL=C.UTF-8 LANGUAGE='' timeout 10 "$binary" "$@" --help </dev/null \
        >"$scratch/help" 2>"$scratch/err" || {
        echo "$(basename "$binary")${*:+ }$* --help fails: it must print and exit 0"
        sed 's/^/    /' "$scratch/err" | head -n 5
        return 1
    }
    options_in <"$scratch/help" >>"$scratch/options.$name"
    commands_in <"$scratch/help" | while IFS= read -r sub; do
        # A group's help may name its commands with or without the group.
        case $sub in "$*"\ *) ;; *) sub="$*${*:+ }$sub" ;; esac
        echo "$sub" >>"$scratch/commands.$name"
        [ "$depth" -ge 2 ] || echo "$sub" >>"$scratch/next.$depth"
    done
    return 0
}

read_program() { # BINARY
    name=$(basename "$1") bad=0
    : >"$scratch/options.$name"
    : >"$scratch/commands.$name"
    rm -f "$scratch"/next.*
    read_help "$1" 0 || return 1
    for level in 0 1; do
        [ -f "$scratch/next.$level" ] || break
        sort -u "$scratch/next.$level" >"$scratch/now"
        while IFS= read -r command; do
            # shellcheck disable=SC2086  # as above
            read_help "$1" $((level + 1)) $command || bad=1
        done <"$scratch/now"
    done
    return $bad
}

documented_calls() { # NAME <cli.md -> what follows the program's name, one call a line
    {
        grep -oE '`[^`]+`' "$docs" | tr -d '`'
        awk '/^ *```/ { fence = !fence; next } fence || /^    / { sub(/^ *(\$ *)?/, ""); print }' "$docs"
    } | sed -n "s/^$1 \{1,\}\([a-z].*\)/\1/p" | sort -u
}

compare() { # BINARY_DIR DOCS
    dir=$1 docs=$2 faults=0 read=0 missing=
    for program in $programs; do
        if [ -x "$dir/$program" ]; then
            read_program "$dir/$program" || faults=$((faults + 1))
            read=$((read + 1))
        else
            missing="$missing $program"
        fi
    done
    if [ "$read" -eq 0 ] || [ ! -f "$docs" ]; then
        [ "$read" -ne 0 ] || echo "skipped: none of the programs is built in $(basename "$dir")/"
        [ -f "$docs" ] || echo "skipped: docs/cli.md is not written yet"
        return 77
    fi
    options_in <"$docs" >"$scratch/documented"
    : >"$scratch/printed"
    for program in $programs; do
        [ -x "$dir/$program" ] || continue
        sort -u "$scratch/options.$program" >"$scratch/o"
        cat "$scratch/o" >>"$scratch/printed"
        for option in $(comm -23 "$scratch/o" "$scratch/documented"); do
            echo "docs/cli.md does not name $option, which $program --help prints"
            faults=$((faults + 1))
        done
        documented_calls "$program" >"$scratch/calls"
        sort -u "$scratch/commands.$program" >"$scratch/c"
        while IFS= read -r command; do
            grep -qE "^$command( |\$)" "$scratch/calls" || {
                echo "docs/cli.md does not name \`$program $command\`, which --help prints"
                faults=$((faults + 1))
            }
        done <"$scratch/c"
        # A documented call must begin with a printed command; below a group, with two words of it.
        awk -v program="$program" '
            NR == FNR { known[$0] = 1; n = split($0, w, " "); one[w[1]] = 1
                        if (n > 1) group[w[1]] = 1; next }
            { n = split($0, w, " ")
              if (!(w[1] in one)) bad = w[1]
              else if ((w[1] in group) && n > 1 && w[2] ~ /^[a-z][a-z0-9-]*$/ && !((w[1] " " w[2]) in known))
                  bad = w[1] " " w[2]
              else next
              if (!(bad in told)) print "docs/cli.md names `" program " " bad "`, which --help does not print"
              told[bad] = 1 }' "$scratch/c" "$scratch/calls" >"$scratch/extra"
        cat "$scratch/extra"
        faults=$((faults + $(wc -l <"$scratch/extra")))
    done
    if [ -n "$missing" ]; then
        echo "not built, so options only they have are not checked:$missing"
    else
        sort -u "$scratch/printed" >"$scratch/o"
        for option in $(comm -13 "$scratch/o" "$scratch/documented"); do
            echo "docs/cli.md names $option, which no --help prints"
            faults=$((faults + 1))
        done
    fi
    echo "help: $read programs, $(sort -u "$scratch/printed" | wc -l) options, $faults faults"
    [ "$faults" -eq 0 ]
}

self_test() {
    wrong=0 t=$scratch/tree
    mkdir -p "$t"
    for program in $programs; do
        printf '#!/bin/sh\necho "usage: %s [--config FILE] [--help]"\n' "$program" >"$t/$program"
    done
    cat >"$t/zhengban" <<'FAKE'
#!/bin/sh
case "$1 $2" in
"--help ") printf 'usage: zhengban COMMAND\n\nCommands:\n  scan [HOST]   look\n  case          work\n                on cases\n\nOptions:\n  --home DIR\n  --help\n' ;;
"scan --help") printf 'usage: zhengban scan [--deep]\n' ;;
"case --help") printf 'Commands:\n  list    all\n  show ID    one\n' ;;
"case list" | "case show") echo "usage: zhengban $1 $2 [--json]" ;;
*) exit 2 ;;
esac
FAKE
    chmod +x "$t"/zhengban*
    good='Options `--home`, `--help`, `--config FILE`, `--deep`, `--json`.
`zhengban scan HOST`, `zhengban case list --json`

    zhengban case show 12

```sh
$ zhengban scan
```
zhengban is a word in prose.
'
    expect() { # STATUS WHAT TEXT
        printf '%s\n' "$3" >"$scratch/cli.md"
        (compare "$t" "$scratch/cli.md") >"$scratch/out" 2>&1
        got=$?
        [ "$got" -eq "$1" ] || {
            echo "self-test: $2: expected $1, got $got" && sed 's/^/    /' "$scratch/out"
            wrong=$((wrong + 1))
        }
    }
    expect 0 'the same lists' "$good"
    expect 1 'an undocumented option' "$(echo "$good" | sed 's/, `--deep`//')"
    expect 1 'an unknown option' "$good \`--novel\`"
    expect 1 'an undocumented command' "$(echo "$good" | grep -v 'case show')"
    expect 1 'an unknown command' "$good \`zhengban dance\`"
    expect 1 'an unknown command of a group' "$good \`zhengban case dance\`"
    echo 'exit 1' >"$t/zhengban-matcher"
    expect 1 'a program whose --help fails' "$good"
    rm "$t/zhengban-matcher"
    expect 0 'one program not built' "$good"
    rm "$t"/zhengban*
    expect 77 'no program' "$good"
    echo "self-test: 9 plants, $wrong misjudged"
    [ "$wrong" -eq 0 ]
}

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
case "$#:${1-}" in
0:) compare "${ZB_BINARY_DIR:-$root/build/release}" "$root/docs/cli.md" ;;
1:--self-test) self_test ;;
*)
    echo "usage: help_docs.sh [--self-test]" >&2
    exit 2
    ;;
esac
