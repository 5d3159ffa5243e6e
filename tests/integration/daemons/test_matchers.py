#!/usr/bin/env python3
"""Matchers that are silent, wrong, contrary or away; catalogue packages that are missing or damaged."""
import os
import re
import shutil
import sys
import time

from daemons import World, check, main, until
from protocol import (COMMERCIAL, FREE, JUDGE, PROHIBITED, VERDICTS, Message, Peer, Stream,
                      canonical_row, hash128, pack, verdict)

NAME = "Microsoft Office Professional Plus 2016"
ROW = canonical_row(NAME, "Microsoft Corporation")
PLAIN = canonical_row("7-Zip 19.00", "Igor Pavlov")


def same(got, want, what):
    check(got == want, f"{what}: {got!r}, not {want!r}")


def installed(w, product="microsoft.office"):
    return sum(int(p["installed"]) for p in w.home.json("position") if product in p["product"])


def todo(w):
    return w.home.status()["todo"]


def reported(w, *rows):
    """One computer with these rows, brought by a matcher that says nothing of them."""
    w.enrol("liar", "matcher", "group")
    carrier = Peer(w, "liar", "ledger", w.port, "matcher").up()
    stream = Stream(w, "office")
    same(carrier.forward(pack(stream.batch(carrier, "group", list(rows)))), "APPLIED", "the report")
    return carrier


def world():
    w = World("--matchers", 1, "--collector", "office:group")
    w.port = w.start("notifier")
    w.active = bytes.fromhex(os.path.basename(w.catalogue())[:-4])
    return w


def judging(w, carrier):
    """The same key, on a line that offers to judge."""
    carrier.close()
    w.peers.remove(carrier)
    return Peer(w, "liar", "ledger", w.port, "matcher", w.active, takes_judge=True).up()


def answer(peer, judge, verdicts):
    same(peer.send(VERDICTS, pack({1: judge.number(1), 2: verdicts})), 0, "VERDICTS sent")


def a_silent_matcher_keeps_no_row_from_an_honest_one():
    with world() as w:
        silent = judging(w, reported(w, ROW, PLAIN))
        judge = silent.frame(JUDGE)
        same(len(judge.list(3)), 2, "rows asked")
        same(todo(w), 2, "rows that want a verdict")
        w.start("matcher-1")
        until(lambda: todo(w) == 1 or None, "the free one to count by one verdict", 10)
        same(installed(w), 0, "one matcher accuses nobody")
        w.alive("notifier")
        w.tested()


def garbage_for_an_answer_is_no_answer():
    with world() as w:
        liar = judging(w, reported(w, ROW, PLAIN))
        for lies in ([], [verdict(b"\1x", w.active, PROHIBITED, "no.row")],
                     [verdict(ROW, bytes(31) + b"\7", COMMERCIAL, "other.catalogue")],
                     [pack({1: hash128(PLAIN), 2: w.active, 3: COMMERCIAL})]):  # accuses of nothing
            judge = liar.frame(JUDGE, 10)
            answer(liar, judge, lies)
            same(todo(w), 2, "rows that want a verdict")
        liar.send(VERDICTS, pack({1: 77777, 2: []}))  # answers what was never asked
        w.start("matcher-1")
        until(lambda: todo(w) == 1 or None, "the honest one to be asked too", 10)
        asked = sum(1 for words in liar.kept if words[:2] == ["frame", str(JUDGE)])
        check(asked < 10, f"who answers garbage is asked {asked} times on end")
        w.tested()


def matchers_that_differ_accuse_nobody_and_ring():
    with world() as w:
        liar = judging(w, reported(w, ROW, PLAIN))
        answer(liar, liar.frame(JUDGE), [verdict(ROW, w.active, PROHIBITED, "evil.tool"),
                                         verdict(PLAIN, w.active, FREE, "free.thing")])
        w.start("matcher-1")
        until(lambda: any("conflict" in str(a).lower() for a in w.table("alarm")) or None,
              "the alarm of a conflict", 10)
        check(not any(p["product"] == "evil.tool" for p in w.home.json("position")), "no position")
        same(installed(w), 0, "installs that count")
        same(w.home.json("case", "list"), [], "cases")
        story = w.home.run("explain", hash128(ROW).hex())
        check(re.search("differ|conflict", story), f"explain tells of the conflict:\n{story}")
        w.tested()


def an_accusation_waits_for_the_second_matcher():
    with World("--matchers", 2, "--collector", "office:group") as w:
        w.start("notifier")
        w.start("matcher-1")
        w.start("office", "collector")
        table = os.path.join(w.top, "t.csv")
        with open(table, "w", encoding="utf-8") as file:
            file.write("computer,name,vendor,version\n"
                       f"PC-1,{NAME},Microsoft Corporation,16.0\nPC-1,7-Zip 19.00,Igor Pavlov,19\n")
        w.home.run("import", table, "--unit", "group", "--collector", "office")
        w.home.settled()
        until(lambda: todo(w) == 1 or None, "the free row to be judged", 10)
        same(installed(w), 0, "one of two matchers accuses nobody")
        same(w.home.json("case", "list"), [], "cases")
        row = next(r for r in w.home.json("explain", "--name", NAME))
        check(row, "explain speaks of the name")
        w.stop("matcher-1", how=9)  # what it said is in the journal, not in it
        w.start("matcher-2")
        until(lambda: installed(w) == 1 or None, "the second opinion to count", 10)
        same(todo(w), 0, "rows that want a verdict")
        opinions = [v for v in w.table("verdict") if "microsoft.office" in str(v)]
        same(len(opinions), 1, "verdicts on the row")
        keys = {w.slip_field(m, "id") for m in ("matcher-1", "matcher-2")}
        check(all(k in str(opinions) for k in keys) or "opinions" not in str(opinions),
              f"both spoke: {opinions}")
        w.tested()


def a_missing_or_damaged_package_leaves_rows_unjudged_until_it_is_there():
    with world() as w:
        package = w.catalogue()
        away = package + ".away"
        reported(w, PLAIN)
        os.rename(package, away)
        shutil.rmtree(os.path.join(w.path, "catalogue", "compiled"), ignore_errors=True)
        w.start("matcher-1")
        until(lambda: "rows stay unjudged" in w.log("matcher-1") or None, "the warning", 10)
        same(todo(w), 1, "without a package")
        with open(away, "rb") as file:
            whole = file.read()
        for damaged in (whole[: len(whole) // 2], whole[:-1] + b"\0", b"", os.urandom(5000)):
            with open(package + ".new", "wb") as file:
                file.write(damaged)
            os.rename(package + ".new", package)
            time.sleep(1.1)  # it is looked for again each second
        same(todo(w), 1, "with a damaged one")
        w.alive("matcher-1")
        os.rename(away, package)
        until(lambda: todo(w) == 0 or None, "the package to be used", 10)
        same(w.log("matcher-1").count("rows stay unjudged"), 1, "warnings within a minute")
        # The compiled form may be damaged too: it is made again.
        w.stop("matcher-1")
        cut = 0
        for folder, _, files in os.walk(os.path.join(w.path, "catalogue", "compiled")):
            for name in files:
                if name.endswith(".mdb") and "lock" not in name:
                    with open(os.path.join(folder, name), "r+b") as file:
                        cut += file.truncate(100) > 0
        check(cut, "there is a compiled form to damage")
        w.start("matcher-1")
        until(lambda: w.log("matcher-1").count("judging by catalogue") == 2 or None,
              "the package to be compiled anew", 10)
        w.tested()


if __name__ == "__main__":
    sys.exit(main(a_silent_matcher_keeps_no_row_from_an_honest_one,
                  garbage_for_an_answer_is_no_answer,
                  matchers_that_differ_accuse_nobody_and_ring,
                  an_accusation_waits_for_the_second_matcher,
                  a_missing_or_damaged_package_leaves_rows_unjudged_until_it_is_there))
