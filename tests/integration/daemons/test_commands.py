#!/usr/bin/env python3
"""Commands of persons who may not give them, or give them twice, altered or too large; the clock of a
ledger that is real, and of one that is simulated; a simulated collector at a real ledger and back."""
import os
import shutil
import subprocess
import sys

from daemons import BINARY, World, check, main, until
from protocol import REASON, Peer, Stream, canonical_row, command_body, pack
from story import Broken


def same(got, want, what):
    check(got == want, f"{what}: {got!r}, not {want!r}")


def give(peer, key, body):
    return peer.command(body, peer.sign(key, "command", body))


def commands_are_taken_only_from_who_may_give_them():
    with World("--matchers", 1, "--collector", "office:east", "--collector", "far:west") as w:
        port = w.start("notifier")
        for name, unit, role in (("li", "east", "handler"), ("wu", "west", "handler")):
            key = w.enrol(name, "official", unit)
            w.home.run("official", "set", "--unit", unit, "--role", role, "--name", name, "--mail",
                       f"{name}@{unit}.example", "--channels", "file", "--key", key)
        w.enrol("nobody", "official", "east")  # enrolled, in no role
        w.home.run("key", "new", "stranger", "--role", "official")
        admin = Peer(w, "administrator", "ledger", port, "official").up()
        name = {"unit": "east", "name": "东区"}
        # Another person's line: who signed counts, not whose link it is.
        li = Peer(w, "li", "ledger", port, "official").up()
        for key, verb, arguments, want in (
                ("nobody", "unit.set", name, "NO_RIGHT"),
                ("li", "unit.set", name, "NO_RIGHT"),
                ("wu", "unit.set", name, "NO_RIGHT"),
                ("stranger", "unit.set", name, "UNKNOWN_KEY"),
                ("office", "unit.set", name, "WRONG_ROLE"),
                ("administrator", "unit.explode", name, "INVALID"),
                ("administrator", "unit.set", {**name, "colour": "red"}, "INVALID"),
                ("administrator", "unit.set", {**name, "name": "长" * 300}, "TOO_LARGE"),
                ("administrator", "unit.set", {}, "INVALID"),
                ("administrator", "case.confirm", {"case": "99999", "reason": "x"}, None),
                ("administrator", "clock.advance", {"to": "2030-01-01 09:00"}, "BAD_STATE")):
            reason, text = give(li, key, command_body(w, key, verb, arguments))
            check(reason == want if want else reason != "NONE",
                  f"{verb} by {key}: {reason} ({text}), not {want}")
            check(text, f"{verb} by {key} is refused without a word")
        body = command_body(w, "administrator", "unit.set", name)
        same(admin.command(body, bytes(64))[0], "BAD_SIGNATURE", "no signature")
        signature = admin.sign("administrator", "command", body)
        same(admin.command(body.replace("东区".encode(), "西区".encode()), signature)[0],
             "BAD_SIGNATURE", "a tampered body")
        other = command_body(w, "administrator", "unit.set", name, ledger=bytes(16))
        same(give(admin, "administrator", other)[0], "KEY_MISMATCH", "another ledger's command")
        fat = command_body(w, "administrator", "unit.set", name, attachment=b"x" * 100000)
        same(give(admin, "administrator", fat)[0], "TOO_LARGE", "an attachment that nothing takes")
        check(give(admin, "administrator", b"\xff")[0] != "NONE", "a body that is none")
        # Twice: the first answer, one effect.
        twice = command_body(w, "administrator", "unit.set", name)
        first = give(admin, "administrator", twice)
        same(first[0], "NONE", "a good one")
        before = len(w.journal("ENTRY_UNIT"))
        for _ in range(3):
            same(give(admin, "administrator", twice), first, "the same again")
        same(len(w.journal("ENTRY_UNIT")), before, "effects")
        same(give(li, "administrator", twice), first, "replayed over another's line")
        w.tested()
        totals = w.refusals()
        for reason in ("NO_RIGHT", "UNKNOWN_KEY", "WRONG_ROLE", "BAD_SIGNATURE", "KEY_MISMATCH"):
            check(REASON.index(reason) in totals, f"{reason} is journalled")


def a_simulated_clock_moves_once_for_a_command_given_twice():
    with World("--collector", "office:group", simulated=True) as w:
        port = w.start("notifier")
        admin = Peer(w, "administrator", "ledger", port, "official").up()
        begun = w.now_ms()
        go = command_body(w, "administrator", "clock.advance", {"to": "2026-09-09 10:00"})
        first = give(admin, "administrator", go)
        same(first[0], "NONE", "the first")
        moved = w.now_ms()
        check(moved == begun + 49 * 3600 * 1000, f"the clock moved {moved - begun} ms")
        same(give(admin, "administrator", go), first, "the same again")
        same(w.now_ms(), moved, "the clock")
        back = command_body(w, "administrator", "clock.advance", {"to": "2026-09-08 10:00"})
        same(give(admin, "administrator", back)[0], "INVALID", "backwards")
        # Killed and started anew it stands where it stood, and still knows the command.
        w.stop("notifier", how=9)
        w.start("notifier")
        admin.up()
        same(give(admin, "administrator", go), first, "the same after a restart")
        same(w.now_ms(), moved, "the clock after a restart")
        w.tested()


def pretended_time_is_refused_in_both_directions():
    for simulated in (False, True):
        with World("--collector", "office:group", simulated=simulated) as w:
            w.start("notifier")
            port = w.start("matcher-1")
            # A collector elsewhere, whose home says the opposite of the clock.
            away = os.path.join(w.top, "away")
            os.makedirs(os.path.join(away, "run"))
            shutil.copytree(os.path.join(w.path, "keys"), os.path.join(away, "keys"))
            shutil.copy(os.path.join(w.path, "config.yaml"), away)
            with open(os.path.join(away, "run", "clock"), "w", encoding="utf-8") as file:
                file.write('{"simulated":%s,"now_ms":%d}\n' %
                           ("false" if simulated else "true", w.now_ms()))
            table = os.path.join(w.top, "t.csv")
            with open(table, "w", encoding="utf-8") as file:
                file.write("computer,name,version\nPC-1,某软件,1.0\n")
            zhengban = [os.path.join(BINARY, "zhengban"), "--home", away]
            done = subprocess.run(zhengban + ["import", table, "--unit", "group", "--collector",
                                              "office"], capture_output=True, text=True, timeout=60)
            check(done.returncode == 0, f"import: {done.stdout}{done.stderr}")
            with open(os.path.join(w.top, "away.log"), "w", encoding="utf-8") as log:
                process = subprocess.Popen(
                    [os.path.join(BINARY, "zhengban-collector"), "--home", away, "--instance",
                     "office"], stdout=log, stderr=log)
            w.running["away"] = process
            w.refused(REASON.index("SIMULATED"))
            until(lambda: "SIMULATED" in w.log("away") or "simulated" in w.log("away") or None,
                  "the collector to say why", 10)
            w.alive("away")
            # And who leaves the RESUME out is told the same for its batch.
            peer = Peer(w, "office", "matcher-1", port, "collector").up()
            stream = Stream(w, "office")
            answer = peer.report(stream.batch(peer, "group", [canonical_row("某软件")],
                                              simulated=not simulated))
            same(answer, "REFUSED SIMULATED", "a batch with the wrong kind of time")
            same(int(w.home.counts()["journal_applied"]), 0, "applied")
            w.tested()


if __name__ == "__main__":
    sys.exit(main(commands_are_taken_only_from_who_may_give_them,
                  a_simulated_clock_moves_once_for_a_command_given_twice,
                  pretended_time_is_refused_in_both_directions))
