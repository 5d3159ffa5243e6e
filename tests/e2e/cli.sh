#!/bin/sh
# cli.sh - the whole command line over real daemons in a home of its own: a simulated ledger is
# founded, reports are imported and settled, cases open, officials decide, the clock moves, and every
# audit holds; wrong input is refused with the promised exit codes.
#
#   ZB_BINARY_DIR   where the programs stand (default build/release)
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
bin=${ZB_BINARY_DIR:-$here/../../build/release}
for program in zhengban zhengban-notifier zhengban-matcher zhengban-collector; do
    [ -x "$bin/$program" ] || { echo "skipped: $program is not built" && exit 77; }
done
LC_ALL=C.UTF-8 LANGUAGE=
export LC_ALL LANGUAGE
top=$(mktemp -d) || exit 1
home=$top/home faults=0

zb() { "$bin/zhengban" --home "$home" "$@"; }

finish() {
    status=$?
    zb down >/dev/null 2>&1
    if [ "$faults" -ne 0 ] && [ -d "$home/log" ]; then tail -n 15 "$home"/log/*.log; fi
    rm -rf "$top"
    exit "$status"
}
trap finish EXIT

fault() {
    echo "FAULT: $*"
    faults=$((faults + 1))
}

expect() { # STATUS WORDS...: runs zhengban; its output is left in $top/out and $top/err
    want=$1
    shift
    zb "$@" >"$top/out" 2>"$top/err"
    got=$?
    [ "$got" -eq "$want" ] && return 0
    fault "'$*' gave $got, not $want"
    cat "$top/out" "$top/err"
    return 1
}

says() { # PATTERN: in what the last command printed, on either side
    cat "$top/out" "$top/err" | grep -q -e "$1" && return 0
    fault "nothing says '$1':"
    cat "$top/out" "$top/err"
}

field() { # NAME: of the last command's one JSON line
    python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())[sys.argv[1]])' "$1" <"$top/out"
}

pid_of() { # INSTANCE
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["pid"])' "$home/run/$1.json"
}

wait_settled() { # until every spool is empty; each look asks the daemons' own stores
    python3 - "$bin/zhengban" "$home" <<'PYTHON'
import json, subprocess, sys, time
end = time.monotonic() + 30
while time.monotonic() < end:
    run = subprocess.run([sys.argv[1], "--home", sys.argv[2], "status", "--json"], capture_output=True)
    status = json.loads(run.stdout) if run.returncode == 0 else None
    if status and not status["todo"] and all(s["pending"] == 0 for s in status["spools"]):
        sys.exit(0)
    time.sleep(0.1)
sys.exit(f"not settled within 30 s: {run.stdout.decode()} {run.stderr.decode()}")
PYTHON
}

# ---- before there is a home

"$bin/zhengban" frobnicate >/dev/null 2>&1
[ $? -eq 2 ] || fault "an unknown command is not 2"
expect 2 status && says 'zhengban init'
expect 0 calendar add 2026-09-25 3 && says 2026-09-30
expect 0 calendar add 2026-12-30 3 && says provisional
expect 2 calendar add 2026-02-30 3 && says 'give a day'

cat >"$top/good.csv" <<'CSV'
计算机编号,计算机名,软件名称,版本,厂商,扫描时间
PC-01,zhang,AutoCAD 2024,24.3,Autodesk,2026-09-07 08:00
PC-01,zhang,7-Zip 22.01 (x64),22.01,Igor Pavlov,2026-09-07 08:00
PC-02,li,KMSAuto Net,1.5,Ratiborus,2026-09-07 08:10
PC-03,wang,Microsoft Office Professional Plus 2016,16.0,Microsoft Corporation,2026-09-07 08:20
CSV
printf '计算机编号,x\n1,2\n' >"$top/bad.csv"
printf '{"a":' >"$top/bad.json"

expect 0 import --dry-run --json "$top/good.csv"
[ "$(wc -l <"$top/out")" -eq 5 ] || fault "a dry run prints one object per item and one for the file"
tail -n 1 "$top/out" >"$top/last" && mv "$top/last" "$top/out"
[ "$(field format) $(field items) $(field rejected)" = "csv 4 0" ] || fault "dry run: $(cat "$top/out")"
expect 2 import --dry-run "$top/bad.csv" && says "line 1"
expect 2 import --dry-run "$top/none.csv" && says none.csv

# ---- a home

expect 2 init --start 2026-09-07 && says 'add --simulated'
expect 2 init --simulated --start yesterday && says 'no instant'
expect 2 init --collector nonsense && says 'NAME:UNIT'
[ ! -e "$home" ] || fault "a refused init leaves a home"
expect 0 init --simulated --matchers 2 --unit group --unit-name 集团公司 --collector office:group \
    --collector east:east --json
[ "$(field matchers) $(field collectors)" = "2 2" ] || fault "init: $(cat "$top/out")"
expect 2 init && says 'not empty'
[ "$(stat -c %a "$home/keys/ledger.key")" = 600 ] || fault "a secret key others may read"
expect 0 config check
expect 0 config show && says 'matchers:'
expect 3 unit add north --parent group && says 'did not answer'

cp "$home/config.yaml" "$top/config.yaml"
printf 'matcherz: []\n' >>"$home/config.yaml"
expect 2 config check && says 'matchers'
expect 2 up --detach && says "config.yaml"
cp "$top/config.yaml" "$home/config.yaml"

expect 0 down && says 'nothing runs'
expect 0 up --detach || exit 1
expect 3 up --detach && says 'runs already'
for file in up notifier matcher-1 matcher-2 office east; do
    [ -f "$home/run/$file.json" ] || fault "no run/$file.json"
done

# ---- reports

expect 2 import "$top/bad.json" && says bad.json
expect 1 import "$top/bad.json" "$top/good.csv"
wait_settled || fault "reports do not settle"
expect 0 audit count --json
for name in spooled applied journal_applied; do
    [ "$(field $name)" = 3 ] || fault "$name is $(field $name), not 3"
done
for name in refused superseded pending duplicates; do
    [ "$(field $name)" = 0 ] || fault "$name is $(field $name), not 0"
done
expect 0 position --unit group --product autodesk.autocad --json
[ "$(field installed) $(field short)" = "1 1" ] || fault "position: $(cat "$top/out")"
expect 0 case list --json
[ ! -s "$top/out" ] || fault "a unit in survey has a case"

# ---- people and rights

for role in handler dept_head deputy principal; do
    expect 0 official set --unit group --role $role --name "$role" --mail "$role@group.test" \
        --channels file
done
expect 0 key new handler --role official
expect 0 key show handler && says 'official'
expect 2 key new handler --role official
expect 2 key new other --role king && says 'collector, matcher or official'
expect 0 key enrol "$home/keys/handler.slip" --unit group --json
handler=$(field key)
expect 0 official set --unit group --role handler --name 张三 --mail zhang@group.test \
    --channels file --key "$handler"
expect 2 unit phase group enforced && says 'trial'
expect 0 unit set group --computers 3
expect 0 unit baseline group
expect 0 unit phase group trial
expect 0 unit phase group enforced

expect 0 case list --json
[ "$(wc -l <"$top/out")" -eq 3 ] || fault "three suspicions were expected: $(cat "$top/out")"
id=$(python3 -c 'import json, sys
print([c["id"] for c in map(json.loads, sys.stdin) if c["product"] == "autodesk.autocad"][0])' <"$top/out")
expect 2 case confirm "$id" --reason looked && says 'may not'
expect 0 --as handler case confirm "$id" --reason "looked at the computer"
expect 2 --as handler case confirm "$id" --reason again && says 'suspicion'
expect 2 --as handler case confirm 999 --reason none && says 'no case'
expect 2 case confirm "$id" && says 'reason'

# ---- time

expect 2 clock advance --to yesterday && says 'no instant'
expect 0 clock advance --to "2026-09-09 10:00"
expect 0 clock show --json
[ "$(field now)" = "2026-09-09 10:00:00+08:00" ] || fault "the clock stands at $(field now)"
expect 2 clock advance --to "2026-09-08 10:00"
expect 0 case list --json --product autodesk.autocad
[ "$(field state)" = ordered ] || fault "the order is not served: $(cat "$top/out")"
expect 0 entitlement add --unit group --product autodesk.autocad --quantity 1 \
    --proof-file "$top/good.csv" --note 合同
expect 0 case list --json --product autodesk.autocad
[ "$(field state)" = closed ] || fault "a right with proof does not close the case: $(cat "$top/out")"
expect 0 explain "$id" && says AutoCAD
expect 0 explain --name "AutoCAD 2024" --vendor Autodesk --json
[ "$(field product)" = autodesk.autocad ] || fault "explain: $(cat "$top/out")"
expect 0 notice list --json
[ "$(wc -l <"$top/out")" -ge 4 ] || fault "notices: $(cat "$top/out")"
sent=$(grep -c '"state":"sent"' "$top/out")
mails=$(find "$home/outbox" -name '*.eml' | wc -l)
[ "$sent" -eq "$mails" ] || fault "$sent notices sent, $mails mails there"
grep -qi '^X-Zhengban-Notice:' "$home"/outbox/*.eml || fault "a mail without X-Zhengban-Notice"
expect 0 notice print 1 && says '.'

# ---- a second scan and a lost daemon

kill -9 "$(pid_of matcher-1)"
expect 0 import "$top/good.csv" --json
wait_settled || fault "reports do not settle after a matcher was killed"
expect 0 audit count --json
[ "$(field spooled)" = "$(($(field applied) + $(field refused) + $(field superseded) + $(field pending)))" ] ||
    fault "count: $(cat "$top/out")"
[ "$(field duplicates)" = 0 ] || fault "duplicates: $(cat "$top/out")"

# ---- a killed notifier in the middle of an advance, and a killed supervisor

zb clock advance --to "2026-10-12 10:00" >"$top/advance" 2>&1 &
advance=$!
kill -9 "$(pid_of notifier)"
wait "$advance" || fault "an advance does not survive the notifier: $(cat "$top/advance")"
expect 0 clock show --json
[ "$(field now)" = "2026-10-12 10:00:00+08:00" ] || fault "the clock stands at $(field now)"
kill -9 "$(pid_of up)"
expect 0 up --detach

# ---- audit

expect 0 audit checkpoint -o "$top/checkpoint"
expect 0 audit verify --checkpoint "$top/checkpoint" --json
[ "$(field valid)" = True ] || fault "verify: $(cat "$top/out")"
sed 's/"signature":"../"signature":"00/' "$top/checkpoint" >"$top/forged"
expect 2 audit verify --checkpoint "$top/forged" && says 'did not sign'
expect 0 audit rebuild --json
[ "$(field equal)" = True ] || fault "rebuild: $(cat "$top/out")"
expect 0 audit dump
first=$(sha256sum <"$top/out")
expect 0 audit dump
[ "$(sha256sum <"$top/out")" = "$first" ] || fault "two dumps of one ledger differ"
expect 0 audit dump --journal
python3 -c 'import json, sys
for line in sys.stdin: json.loads(line)' <"$top/out" || fault "a dumped entry is no JSON"
expect 0 key list --json
expect 0 key revoke "$handler" --reason "left the house"
expect 2 --as handler case note "$id" --reason late
expect 0 status && says 'journal'
LANGUAGE=zh_CN zb status >"$top/out" && says 主目录

# ---- the end, and again

expect 0 down --json
[ "$(field stopped)" = True ] || fault "down: $(cat "$top/out")"
[ ! -e "$home/run/notifier.json" ] || fault "a stopped notifier left its file"
expect 0 audit verify
expect 0 up --detach
expect 0 audit verify --checkpoint "$top/checkpoint"
expect 0 down

[ "$faults" -eq 0 ] || { echo "$faults faults" && exit 1; }
echo "the command line keeps its promises"
