#!/bin/sh
# doctor.sh - a home is broken in one way after another, and `zhengban doctor` names each of them,
# with the promised exit status; a home that runs well gives no finding.
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
home=$top/home faults=0 found=0 pids=

zb() { "$bin/zhengban" --home "$home" "$@"; }

finish() {
    status=$?
    # shellcheck disable=SC2086  # a list of processes
    [ -z "$pids" ] || kill -CONT $pids 2>/dev/null
    # shellcheck disable=SC2086
    [ -z "$pids" ] || kill $pids 2>/dev/null
    zb down >/dev/null 2>&1
    wait
    rm -rf "$top"
    exit "$status"
}
trap finish EXIT

fault() {
    echo "FAULT: $*"
    faults=$((faults + 1))
}

give() { # WORDS...: a command that must succeed
    zb "$@" >"$top/out" 2>"$top/err" || { fault "'$*' fails" && cat "$top/out" "$top/err"; }
}

sick() { # SEVERITY CHECK PATTERN: the doctor tells it, with a remedy, and gives the status of the worst
    zb doctor --json >"$top/out" 2>"$top/err"
    got=$?
    want=0
    grep -q '"severity":"warning"' "$top/out" && want=1
    grep -q '"severity":"broken"' "$top/out" && want=2
    [ "$got" -eq "$want" ] || fault "status $got where $want was to come"
    also "$@"
}

also() { # SEVERITY CHECK PATTERN: so did the last look
    grep '"remedy":"[^"]' "$top/out" | grep "\"severity\":\"$1\",\"check\":\"$2\"" | grep -q -e "$3" &&
        found=$((found + 1)) && return 0
    fault "no $1 of $2 says '$3':"
    cat "$top/out" "$top/err"
}

well() { # CHECK: finds nothing
    zb doctor --json >"$top/out" 2>"$top/err"
    grep -q "\"check\":\"$1\"" "$top/out" || return 0
    fault "$1 finds something:"
    cat "$top/out"
}

until_says() { # PATTERN WORDS...: a command's output, looked at for at most 10 s
    python3 - "$@" <<'PYTHON'
import re, subprocess, sys, time
end = time.monotonic() + 10
while time.monotonic() < end:
    out = subprocess.run(sys.argv[2:], capture_output=True, text=True)
    if re.search(sys.argv[1], out.stdout):
        sys.exit(0)
    time.sleep(0.05)
sys.exit(f"{sys.argv[1]!r} does not come: {out.stdout}{out.stderr}")
PYTHON
}

start() { # PROGRAM INSTANCE: without a supervisor; its number in $!
    "$bin/zhengban-$1" --home "$home" --instance "$2" >>"$home/log/$2.log" 2>&1 &
    pids="$pids $!"
    until_says '"ready":true' cat "$home/run/$2.json" || fault "$2 is not ready"
}

stop_all() {
    # shellcheck disable=SC2086  # a list of processes
    kill $pids 2>/dev/null
    wait
    pids=
}

# ---- no home, and a new one

zb doctor >"$top/out"
[ $? -eq 2 ] || fault "no home is not broken: $(cat "$top/out")"
sick broken home 'No such file'
give init --simulated --matchers 2 --unit group --collector office:group --collector east:east
sick warning daemons 'nothing of this home runs'
[ "$(wc -l <"$top/out")" -eq 1 ] || fault "a new home has other findings: $(cat "$top/out")"

# ---- files

chmod 644 "$home/keys/office.key"
sick broken modes 'keys/office.key.*mode 644'
chmod 600 "$home/keys/office.key"
chmod 777 "$home"
sick broken modes 'may change it'
chmod 700 "$home"

cp "$home/config.yaml" "$top/config.yaml"
printf 'matcherz: []\n' >>"$home/config.yaml"
sick broken config 'matcherz'
cp "$top/config.yaml" "$home/config.yaml"

mv "$home/templates" "$top/templates"
sick broken folders 'templates'
mv "$top/templates" "$home/templates"

mkdir "$home/run/copy-aaaaaa"
well left_over
touch -d '3 hours ago' "$home/run/copy-aaaaaa"
sick warning left_over 'copy-aaaaaa'
rm -r "$home/run/copy-aaaaaa"

# ---- keys

cp -r "$home/keys" "$top/keys"
cp "$home/keys/matcher-1.slip" "$home/keys/office.slip"
sick broken daemon_keys 'office.slip.*not that of the secret key'
rm "$home/keys/office.key"
sick broken daemon_keys 'office.key'
rm -r "$home/keys" && cp -r "$top/keys" "$home/keys"
rm "$home/keys/matcher-2".*
give key new matcher-2 --role matcher
sick broken daemon_keys 'matcher-2.*not enrolled'
rm -r "$home/keys" && cp -r "$top/keys" "$home/keys"
cp "$home/keys/matcher-1.key" "$home/keys/east.key" && cp "$home/keys/matcher-1.slip" "$home/keys/east.slip"
sick broken daemon_keys 'a key of a matcher'
cp "$home/keys/matcher-1.key" "$home/keys/ledger.key" && cp "$home/keys/matcher-1.slip" "$home/keys/ledger.slip"
sick broken ledger_key 'founded with another key'
rm -r "$home/keys" && cp -r "$top/keys" "$home/keys"
sed 's/unit: east/unit: west/' "$top/config.yaml" >"$home/config.yaml"
sick broken daemon_keys "no unit 'west'"
sed 's/unit: east/unit: group/' "$top/config.yaml" >"$home/config.yaml"
sick broken daemon_keys "speaks for 'east'"
cp "$top/config.yaml" "$home/config.yaml"

# ---- stores and packages

mv "$home/ledger" "$top/ledger"
sick broken ledger 'ledger'
mkdir "$home/ledger" && head -c 8192 /dev/zero >"$home/ledger/data.mdb"
sick broken ledger 'ledger'
rm -r "$home/ledger" && cp -r "$top/ledger" "$home/ledger"
for file in "$home"/catalogue/*.zbc; do mv "$file" "$top/package"; done
sick broken catalogue 'package is not there'
head -c 3000 "$top/package" >"$file"
sick broken catalogue 'zbc'
mv "$top/package" "$file"
mv "${file%.zbc}.names" "$top/names"
sick warning catalogue 'names are not there'
mv "$top/names" "${file%.zbc}.names"

# ---- ports, mail, clock

port=$(sed -n 's/^  address: tcp:.*:\([0-9]*\)$/\1/p' "$home/config.yaml")
python3 - "$port" "$top/listens" <<'PYTHON' &
import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
open(sys.argv[2], "w").close()
time.sleep(60)
PYTHON
listener=$!
until_says listens ls "$top" || fault "no listener"
sick broken ports "$port.*another program"
printf 'mail:\n  url: smtp://127.0.0.1:%s\n' "$port" >>"$home/config.yaml"
well mail
kill "$listener"
wait "$listener" 2>/dev/null
sick broken mail 'cannot be reached'
cp "$top/config.yaml" "$home/config.yaml"
echo secret >"$home/keys/mail.password"
chmod 644 "$home/keys/mail.password"
printf 'mail:\n  url: smtp://mail.example\n  user: u\n  password_file: keys/mail.password\n' >>"$home/config.yaml"
sick broken mail 'mail.password'
also broken mail 'servers on this host only'
cp "$top/config.yaml" "$home/config.yaml"

prlimit --nofile=200 "$bin/zhengban" --home "$home" doctor --json >"$top/out" 2>"$top/err"
also warning limits '200 open files'
cp "$home/run/clock" "$top/clock"
echo '{"simulated":false,"now_ms":0}' >"$home/run/clock"
sick broken journal 'run/clock says it is real'
printf '计算机编号,计算机名,软件名称,版本,厂商,扫描时间\nPC-01,zhang,KMSAuto Net,1.5,Ratiborus,2026-09-07 08:00\n' >"$top/one.csv"
cp "$top/clock" "$home/run/clock"
give import "$top/one.csv" --collector office
well spools
python3 - "$home/run/clock" <<'PYTHON'
import json, sys
clock = json.load(open(sys.argv[1]))
clock["now_ms"] += 3 * 3600 * 1000
json.dump(clock, open(sys.argv[1], "w"))
PYTHON
sick warning spools 'wait to be settled, the oldest for 3 hours'
cp "$top/clock" "$home/run/clock"
mkdir -p "$home/spool/east"
echo garbage >"$home/spool/east/data.mdb"
sick broken spools 'spool/east'
rm -r "$home/spool/east"

# ---- daemons: some run, one matcher is away

start notifier notifier
notifier=$!
start matcher matcher-1
start collector office
until_says '"todo":[1-9]' "$bin/zhengban" --home "$home" status --json || fault "no row waits"
kill -STOP "$notifier"
touch -d '2 minutes ago' "$home/run/notifier.status"
sed "s/:$port\$/:1/" "$top/config.yaml" >"$home/config.yaml"
sick broken status 'has not written it'
also broken daemons 'matcher-2.*others of this home run'
also warning matchers 'second opinion'
also warning todo 'second opinion'
also warning ports "listens on port $port"
kill -CONT "$notifier"
cp "$top/config.yaml" "$home/config.yaml"
start matcher matcher-2
start collector east
until_says '"todo":0' "$bin/zhengban" --home "$home" status --json || fault "rows stay"

# ---- all run: nothing is wrong

zb doctor >"$top/out" 2>&1 || fault "a home that runs well: $(cat "$top/out")"
grep -q 'nothing is wrong' "$top/out" || fault "no word that nothing is wrong: $(cat "$top/out")"

# ---- what the ledger says

give official set --unit group --role handler --name 张三 --mail zhang@group.test --channels smtp
give unit phase group trial
sick broken officials 'group/handler.*only mail'
until_says '"state":"failed"' "$bin/zhengban" --home "$home" notice list --json || fault "no notice fails"
sick warning notices "no channel 'smtp'"
give official remove --unit group --role handler
sick warning officials 'group/handler.*nobody'
sed 's/PC-01,zhang,KMSAuto Net/PC-02,li,AutoCAD 2024/; s/Ratiborus/Autodesk/' "$top/one.csv" >"$top/two.csv"
give import "$top/two.csv" --collector office
until_says role_missing "$bin/zhengban" --home "$home" doctor --json || fault "no alarm rings"
sick warning alarms 'role_missing of group/handler'
matcher=$(zb key list --json | grep '"role":"matcher"' | head -n 1 |
    python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["key"])')
give key revoke "$matcher" --reason gone
sick broken daemon_keys 'revoked, gone'
also warning matchers 'no second matcher'

# ---- ends

kill -9 "$notifier"
wait "$notifier" 2>/dev/null
sick broken daemons 'notifier was killed'
stop_all
rm -f "$home/run/notifier.json"
rm -r "$home/ledger" && cp -r "$top/ledger" "$home/ledger"
sick broken status 'the journal ends at entry'

# ---- other times

home=$top/november
give init --simulated --start "2026-11-02 09:00" --collector office:root
sick warning calendar 'next year'
home=$top/later
give init --simulated --start "2032-03-01 09:00" --collector office:root
sick broken calendar 'this year'
LANGUAGE=zh_CN zb doctor >"$top/out"
grep -q '^损坏: .*年' "$top/out" || fault "no Chinese: $(cat "$top/out")"

[ "$faults" -eq 0 ] || { echo "$faults faults" && exit 1; }
echo "the doctor finds $found faults that were made"
