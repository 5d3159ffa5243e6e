#!/usr/bin/env python3
"""A ledger whose store takes nothing more: a map that is full, a disk that is full (`map`, `disk`). Nothing is settled,
nobody dies, the log stays readable; when there is room again everything settles."""
import os
import random
import subprocess
import sys
import time

from daemons import SKIPPED, World, check, main, tell, until

COMPUTERS = 24
MIB = 1024 * 1024
# Large reports under a sanitizer on a busy machine: nobody is to be taken for dead meanwhile.
PATIENT = "\nbus:\n  silence_ms: 60000\n"
PADDING = " long" * 180


def same(got, want, what):
    check(got == want, f"{what}: {got!r}, not {want!r}")


def inventory(path, computers, rows, seed):
    """Names that no other computer has, so that each costs the store a row, and little on the wire."""
    draw = random.Random(seed)
    with open(path, "w", encoding="utf-8") as file:
        file.write("computer,name,vendor,version\n")
        for computer in range(computers):
            for _ in range(rows):
                file.write(f"PC-{seed}-{computer},{draw.getrandbits(120):030x}{PADDING},v{PADDING},1\n")


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def full(w, complains):
    """The store is full, the daemons are up and not busy with nothing, and what is pending stays."""
    until(lambda: complains in w.log("notifier") or None, f"the notifier to say '{complains}'", 60)
    before = w.home.counts()
    check(int(before["pending"]) > 0, f"something must wait: {before}")
    same(int(before["spooled"]), sum(int(before[k]) for k in (
        "applied", "refused", "superseded", "pending")), "spooled")
    pid, seconds = w.running["notifier"].pid, 2
    begun = cpu_s(pid)
    time.sleep(seconds)
    used = (cpu_s(pid) - begun) / seconds
    check(used < 0.8, f"the notifier uses {used:.0%} of a processor for nothing")
    after = w.home.counts()
    same((after["applied"], after["refused"]), (before["applied"], before["refused"]), "settled")
    for name in ("notifier", "matcher-1", "office"):
        w.alive(name)
    lines = w.log("notifier").count(complains)
    check(lines <= 2, f"the notifier complains {lines} times within a minute")
    w.home.run("audit", "verify")


def settled(w):
    counts = w.home.settled()
    same((int(counts["applied"]), int(counts["pending"])), (COMPUTERS, 0), "applied and pending")
    w.tested()


def a_full_map_settles_nothing_and_loses_nothing():
    with World("--matchers", 1, "--collector", "office:group",
               config=PATIENT + f"notifier:\n  store_max_bytes: {64 * MIB}\n") as w:
        table = os.path.join(w.top, "t.csv")
        inventory(table, COMPUTERS, 700, 1)
        for name in ("notifier", "matcher-1"):
            w.start(name)
        w.home.run("import", table, "--unit", "group", "--collector", "office")
        w.start("office", "collector")
        full(w, "No space left on device")
        w.stop("notifier")
        path = os.path.join(w.path, "config.yaml")
        with open(path, encoding="utf-8") as file:
            text = file.read().replace(str(64 * MIB), str(1024 * MIB))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        w.start("notifier")
        settled(w)


def a_full_disk_settles_nothing_until_there_is_room():
    """In a mount namespace of its own (main sees to it), the ledger on a small tmpfs."""
    with World("--matchers", 1, "--collector", "office:group", config=PATIENT) as w:
        ledger = os.path.join(w.path, "ledger")
        kept = ledger + ".kept"
        os.rename(ledger, kept)
        os.mkdir(ledger, 0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", ledger],
                       check=True)
        try:
            subprocess.run(["cp", "-a", kept + "/.", ledger], check=True)
            table = os.path.join(w.top, "t.csv")
            inventory(table, COMPUTERS, 150, 2)
            for name in ("notifier", "matcher-1"):
                w.start(name)
            w.home.run("import", table, "--unit", "group", "--collector", "office")
            w.start("office", "collector")
            full(w, "No space left on device")
            subprocess.run(["mount", "-o", "remount,size=512m", ledger], check=True)
            settled(w)
        finally:
            for process in w.running.values():
                process.kill()
                process.wait()
            subprocess.run(["umount", "-l", ledger], check=False)


def own_mounts():
    """The exit status of this script in a mount namespace of its own; None where there can be none."""
    probe = ["unshare", "--user", "--map-root-user", "--mount"]
    script = "d=$(mktemp -d) && mount -t tmpfs tmpfs $d && umount $d && rmdir $d"
    try:
        if subprocess.run(probe + ["sh", "-c", script], capture_output=True,
                          timeout=20).returncode != 0:
            return None
    except FileNotFoundError:
        return None
    return subprocess.run(probe + [sys.executable, os.path.abspath(__file__),
                                   "disk-inside"], check=False).returncode


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else "map"
    if what == "map":
        sys.exit(main(a_full_map_settles_nothing_and_loses_nothing))
    if what == "disk-inside":
        sys.exit(main(a_full_disk_settles_nothing_until_there_is_room))
    status = own_mounts()
    if status is None:
        tell("skipped: a full disk needs a mount namespace (unshare), which is not to be had here")
        sys.exit(SKIPPED)
    sys.exit(status)
