#!/bin/sh
# images.sh - builds docker/Dockerfile and runs a notifier, two matchers and a collector from it, as
# docker/compose.yaml would: unprivileged, read-only, one home each. Not part of ctest: it wants root,
# Debian's mirror and some minutes.
#
#   tests/e2e/images.sh [--keep]
#
# No Docker engine and no image registry is needed: mmdebstrap makes the base, buildah builds, podman
# runs. What is built is the last commit, with docker/ as it stands. --keep leaves base and image for
# the next run, in ZB_BUILD/images (default build/images).
# Exit: 0 every step held, 1 one did not, 77 skipped, saying why.
set -u
here=$(cd "$(dirname "$0")" && pwd) || exit 1
cd "$here/../.." || exit 1
keep=no
[ "${1-}" = --keep ] && keep=yes
for tool in mmdebstrap buildah podman runc git; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed" && exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo "skipped: not root" && exit 77; }

mkdir -p "${ZB_BUILD:-build}/images" || exit 1
work=$(cd "${ZB_BUILD:-build}/images" && pwd) || exit 1
top=$(mktemp -d) || exit 1
net=zb-images-$$
image=localhost/zhengban:test
# podman remembers the folders of the run before, and these are new in each.
rm -rf "$work/storage/libpod"
# Storage of our own: nothing of this appears among the machine's images or containers.
store="--root $work/storage --runroot $top/run --storage-driver vfs"

say() { printf '%s\n' "$*"; }
# shellcheck disable=SC2086  # several options
bu() { buildah $store "$@"; }
# shellcheck disable=SC2086  # several options
po() {
    podman $store --runtime runc --cgroup-manager cgroupfs --events-backend file \
        --tmpdir "$top/tmp" --network-config-dir "$top/networks" "$@"
}

containers="notifier matcher-1 matcher-2 collector"
started=
finish() {
    status=$?
    for name in $started; do
        [ "$status" -eq 0 ] || { say "--- $name" && po logs --tail 15 "$name" 2>&1; }
        po rm --force --time 1 "$name" >/dev/null 2>&1
    done
    po network rm --force "$net" >/dev/null 2>&1
    if [ "$keep" = no ]; then
        bu rmi --all --force >/dev/null 2>&1
        rm -rf "$work/storage" "$work/base.tar"
    fi
    rm -rf "$top"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM
broken() {
    say "images: this step does not hold: $*"
    exit 1
}
until_true() { # SECONDS WHAT COMMAND...: until the command succeeds
    seconds=$1 what=$2
    shift 2
    while ! "$@" >/dev/null 2>&1; do
        seconds=$((seconds - 1))
        [ "$seconds" -gt 0 ] || broken "waited for $what"
        sleep 1
    done
}

# ---- the compose file ----

compose() {
    if ! command -v docker-compose >/dev/null; then
        say "1. compose file: not checked, docker-compose is not installed"
        return
    fi
    docker-compose -f docker/compose.yaml config >"$top/compose" 2>"$top/err" ||
        broken "docker-compose refuses docker/compose.yaml: $(cat "$top/err")"
    for wanted in 'read_only: true' 'no-new-privileges:true' 'cap_drop:'; do
        [ "$(grep -c -- "$wanted" "$top/compose")" -ge 4 ] ||
            broken "'$wanted' does not stand at every service of docker/compose.yaml"
    done
    say "1. compose file: taken by $(docker-compose version --short)"
}

# ---- the image ----

base() {
    bu inspect --type image localhost/debian:bookworm >/dev/null 2>&1 && return 0
    [ -s "$work/base.tar" ] ||
        mmdebstrap --quiet --variant=minbase bookworm "$work/base.tar" >"$top/out" 2>&1 ||
        broken "mmdebstrap: $(tail -n 3 "$top/out")"
    container=$(bu from scratch) || broken "buildah makes no container"
    bu add --quiet "$container" "$work/base.tar" / >/dev/null || broken "buildah: $work/base.tar"
    bu commit --quiet --rm "$container" localhost/debian:bookworm >/dev/null ||
        broken "the base image cannot be made"
}

build() {
    mkdir "$top/source" && git archive HEAD | tar -x -C "$top/source" || exit 1
    rm -rf "$top/source/docker" && cp -R docker "$top/source/docker" || exit 1
    bu bud --quiet --isolation chroot --pull-never --format docker \
        --ignorefile docker/Dockerfile.dockerignore --build-arg BASE=localhost/debian:bookworm \
        -f docker/Dockerfile -t "$image" "$top/source" >"$work/build.log" 2>&1 ||
        broken "buildah: $(tail -n 15 "$work/build.log")"
    user=$(bu inspect --type image --format '{{.OCIv1.Config.User}}' "$image")
    [ "$user" = 10001:10001 ] || broken "the image runs as '$user'"
    say "2. image: built from $(git rev-parse --short HEAD)"
}

# ---- the containers ----

# What compose.yaml gives every container. Health is asked for by hand: podman would want systemd.
contained() { # NETWORK WORDS...: podman run, shut in
    network=$1
    shift
    # Not POSIX, but dash and bash have it; more than the machine gives is refused.
    # shellcheck disable=SC3045
    files=$(ulimit -n)
    po run --log-driver k8s-file --no-healthcheck --ulimit "nofile=$files:$files" \
        --ulimit nproc=1024:1024 --pull never --read-only --read-only-tmpfs=false --cap-drop all \
        --security-opt no-new-privileges --network "$network" --tmpfs /tmp "$@"
}
at=/var/lib/zhengban
office() { # WORDS...: one command of the administrator
    contained "$net" --rm --tmpfs "$at/run" -v "$top/homes/office:$at" "$image" \
        zhengban "$@"
}
daemon() { # NAME PROGRAM VOLUME...: by the same mounts as compose.yaml
    name=$1 program=$2
    shift 2
    instance=
    [ "$name" = notifier ] || instance="--instance $name"
    # shellcheck disable=SC2086  # none, or two words
    contained "$net" --detach --name "$name" --hostname "$name" --tmpfs "$at/run" \
        -v "$top/homes/$name:$at:ro" "$@" "$image" "$program" --home "$at" $instance \
        >/dev/null 2>"$top/err" || broken "$name does not start: $(cat "$top/err")"
    started="$started $name"
}
packages="$top/homes/office/catalogue:$at/catalogue:ro"
notifier() {
    daemon notifier zhengban-notifier -v "$packages" -v "$top/homes/notifier/ledger:$at/ledger" \
        -v "$top/homes/notifier/outbox:$at/outbox"
}
matcher() { daemon "$1" zhengban-matcher -v "$packages"; }
collector() {
    daemon collector zhengban-collector -v "$top/homes/collector/spool:$at/spool" \
        -v "$top/homes/collector/drop:$at/drop"
}
healthy() { po exec "$1" zhengban-healthy; }

homes() {
    chmod 0755 "$top" && mkdir -m 0700 "$top/homes" && chown 10001:10001 "$top/homes" || exit 1
    po network create "$net" >/dev/null || broken "podman makes no network"
    contained none --rm -v "$top/homes:/homes" "$image" \
        zhengban-homes /homes -- --name images --unit group --matchers 2 \
        --collector collector:group >"$top/out" 2>&1 || broken "zhengban-homes: $(cat "$top/out")"
    for name in $containers; do
        secrets=$(find "$top/homes/$name/keys" -name '*.key' | wc -l)
        [ "$secrets" -eq 1 ] || broken "the home of $name holds $secrets secret keys"
    done
    say "3. homes: $(cat "$top/out")"
}

up() {
    # In the worst order: each must wait for the one behind it.
    collector
    matcher matcher-1
    matcher matcher-2
    notifier
    for name in $containers; do
        until_true 30 "$name to be healthy" healthy "$name"
        po exec "$name" sh -c 'touch /x || touch /usr/x || touch /var/lib/zhengban/x' 2>/dev/null &&
            broken "$name may write outside its volumes"
        po exec "$name" cat /proc/1/status >"$top/status"
        for wanted in 'Uid:	10001	10001	10001	10001' 'CapEff:	0000000000000000' \
            'CapBnd:	0000000000000000' 'NoNewPrivs:	1'; do
            grep -q "^$wanted" "$top/status" || broken "$name: /proc/1/status lacks '$wanted'"
        done
    done
    say "4. up: four healthy containers, user 10001, read-only, no capabilities, no new privileges"
}

# A file for the drop folder: N computers from number FIRST on, two programs each.
inventory() { # FIRST N
    echo '计算机编号,使用部门,使用人,序列号,操作系统,软件名称,版本,厂商,安装日期'
    number=$1
    while [ "$number" -lt $(($1 + $2)) ]; do
        host="PC-$number,财务部,某人,SN$number,Windows 10 专业版"
        echo "$host,7-Zip 23.01 (x64),23.01,Igor Pavlov,2023-08-18"
        echo "$host,WinRAR 6.24 (64-bit),6.24.0,win.rar GmbH,2023-08-18"
        number=$((number + 1))
    done
}
put() { # NAME FIRST N
    inventory "$2" "$3" >"$top/homes/collector/drop/collector/$1.part" || exit 1
    chown 10001:10001 "$top/homes/collector/drop/collector/$1.part"
    mv "$top/homes/collector/drop/collector/$1.part" "$top/homes/collector/drop/collector/$1"
}
counted() { # COMPUTERS: whether the ledger knows so many, and every row has its verdict
    po exec notifier zhengban --json status 2>&1 | tee "$top/out" | grep -q "\"endpoints\":$1,\?" &&
        grep -q '"todo":0,' "$top/out"
}
installed() {
    po exec notifier zhengban --json position --product rarlab.winrar |
        sed -n 's/.*"installed":\([0-9]*\).*/\1/p'
}

reports() {
    office unit set group --computers 30 >"$top/out" 2>&1 ||
        broken "a signed command from the office: $(cat "$top/out")"
    put first.csv 1 20
    until_true 60 "20 computers in the ledger" counted 20
    [ "$(installed)" = 20 ] || broken "WinRAR stands $(installed) times in the ledger, not 20"
    say "5. reports: a file in the drop folder became 20 computers, judged, in the ledger"
}

deaths() {
    po kill --signal KILL matcher-1 notifier >/dev/null || broken "podman kills nothing"
    put second.csv 21 10
    until_true 30 "the collector to take the file in" \
        test -e "$top/homes/collector/drop/collector/done/second.csv"
    po start notifier >/dev/null || broken "the notifier does not start again"
    until_true 60 "30 computers in the ledger" counted 30
    [ "$(installed)" = 30 ] || broken "WinRAR stands $(installed) times in the ledger, not 30"
    healthy matcher-1 >/dev/null 2>&1 && broken "a killed matcher is called healthy"
    say "6. deaths: notifier and a matcher killed; all 30 computers in the ledger, none twice"
}

audit() {
    for what in verify rebuild; do
        po exec notifier zhengban audit "$what" >"$top/out" 2>&1 ||
            broken "audit $what: $(cat "$top/out")"
    done
    for name in collector matcher-2 notifier; do
        po stop --time 60 "$name" >/dev/null 2>&1 || broken "$name does not stop"
        code=$(po inspect --format '{{.State.ExitCode}}' "$name")
        [ "$code" = 0 ] || broken "$name ended with status $code after SIGTERM"
    done
    say "7. audit: the journal verifies and rebuilds; SIGTERM ends each daemon with status 0"
}

compose
base
build
homes
up
reports
deaths
audit
say "Every step held."
