#!/usr/bin/env python3
"""Whose report counts: keys that are unknown, revoked, of the wrong role or the wrong unit, at an
honest matcher and through a lying one. Refused, counted, journalled, logged at most once a minute."""
import os
import sys

from daemons import World, check, main, tell, until
from protocol import (COMMAND, PROHIBITED, REASON, REFUSALS, REFUSED, REGISTRY_PULL,
                      Peer, Stream, canonical_row, pack, verdict)

ROW = canonical_row("正版测试软件", "某公司")


def world(**options):
    """group ─ east, west; matcher-1, collector office of east; a notifier that runs."""
    w = World("--matchers", 1, "--collector", "office:east", "--collector", "far:west", **options)
    w.notifier = w.start("notifier")
    return w


def same(got, want, what):
    check(got == want, f"{what}: {got!r}, not {want!r}")


def unknown_key_is_refused_at_both_doors():
    with world() as w:
        port = w.start("matcher-1")
        w.home.run("key", "new", "stranger", "--role", "collector")
        for server, at in (("matcher-1", port), ("ledger", w.notifier)):
            stranger = Peer(w, "stranger", server, at, "collector")
            fault = stranger.down()
            check("not admit" in fault, f"a stranger at {server} is told: {fault}")
        record = w.refused(REASON.index("UNKNOWN_KEY"), 1)
        check(w.slip_field("stranger", "link-public") in str(record), f"the key is kept: {record}")
        w.tested()
        actors = [e.get("actor", "") for e in w.journal("ENTRY_REFUSALS")]
        check("" in actors, "the ledger journals what it refused itself")
        check(w.slip_field("matcher-1", "id") in actors, "and what a matcher tells")


def units_outside_the_subtree_are_refused_by_an_honest_matcher():
    with world() as w:
        port = w.start("matcher-1")
        peer = Peer(w, "office", "matcher-1", port, "collector").up()
        stream = Stream(w, "office")
        same(peer.report(stream.batch(peer, "west", [ROW])), "REFUSED OUTSIDE_SUBTREE", "west")
        forged = Stream(w, "far", signer="office")
        same(peer.report(forged.batch(peer, "west", [ROW])), "refused KEY_MISMATCH", "another's name")
        same(peer.report({1: b"\xff\xff", 2: bytes(64)}), "refused BAD_FRAME", "garbage")
        kind, message = peer.ask(REGISTRY_PULL, lambda tag: {1: tag})
        same((kind, REASON[message.number(2)]), (REFUSED, "WRONG_ROLE"), "a collector's pull")
        # The same stream goes on with what it may say.
        same(peer.report(stream.batch(peer, "east", [ROW])), "APPLIED", "east")
        w.refused(REASON.index("OUTSIDE_SUBTREE"))
        w.tested()


def a_lying_matcher_changes_nothing():
    with world() as w:
        w.enrol("liar", "matcher", "group")
        liar = Peer(w, "liar", "ledger", w.notifier, "matcher").up()
        office, far = Stream(w, "office"), Stream(w, "far")

        def send(batch, verdicts=()):
            return liar.forward(pack(batch), verdicts)
        foreign = office.batch(liar, "west", [ROW])
        same(send(foreign), "REFUSED OUTSIDE_SUBTREE", "a foreign unit, forwarded all the same")
        same(send(foreign), "REFUSED OUTSIDE_SUBTREE", "and again")
        same(send(office.batch(liar, "nowhere", [ROW])), "REFUSED UNKNOWN_UNIT", "no such unit")
        good = office.batch(liar, "east", [ROW])
        bent = dict(good)
        bent[1] = good[1].replace(b"east", b"west")
        same(send(bent), "refused BAD_SIGNATURE", "an altered header")
        same(send({**good, 2: bytes(64)}), "refused BAD_SIGNATURE", "no signature")
        same(send(Stream(w, "far", signer="office").batch(liar, "west", [ROW])),
             "refused BAD_SIGNATURE", "signed by another key")
        w.home.run("key", "new", "stranger", "--role", "collector")
        same(send(Stream(w, "stranger").batch(liar, "east", [ROW])), "refused UNKNOWN_KEY",
             "a key that nobody enrolled")
        same(send(Stream(w, "liar").batch(liar, "east", [ROW])), "REFUSED WRONG_ROLE",
             "its own key, which is no collector's")
        same(send({**good, 3: [canonical_row("别的软件")]}), "NEED_ROWS", "altered rows")
        same(send({**good, 4: []}), "REFUSED BAD_DIGEST", "a missing list, which is not final")
        # What nobody signed must never become final: the true batch is APPLIED below.
        name_of_result = good[4][0][:2 + 32]
        swollen = name_of_result + pack({2: [pack({1: "csv", 2: bytes(16) * 12000})] * 3})
        same(send({**good, 4: [swollen]}), "REFUSED BAD_DIGEST", "a list beyond every bound")
        same(liar.forward(b"\x0a\x05ab"), "refused BAD_FRAME", "a batch that is none")
        same(send(office.batch(liar, "east", [ROW], simulated=True, sequence=9)),
             "REFUSED SIMULATED", "simulated scan times")
        same(send(good), "APPLIED", "the batch as it was signed")
        for _ in range(3):
            same(send(good), "APPLIED", "a replay gets the first answer")
        counts = w.home.counts()
        same(int(counts["journal_applied"]), 1, "it counts once")
        same(int(counts["duplicates"]), 0, "duplicates")
        kind, message = liar.ask(COMMAND, lambda tag: {1: tag, 2: b"x", 3: bytes(64)})
        same((kind, REASON[message.number(2)]), (REFUSED, "WRONG_ROLE"), "a matcher's command")
        # It invents refusals: they are kept as its own word, and the chain holds.
        liar.ask(REFUSALS, lambda tag: {1: tag, 3: [pack({1: 8, 2: (1 << 64) - 1})]})
        liar.ask(REFUSALS, lambda tag: {1: tag, 3: [pack({1: 8, 2: 5})]})
        same(int(w.refused(REASON.index("FORKED"))["count"]), (1 << 64) - 1, "a total stops at its end")
        # And verdicts, in the name of a catalogue that is active.
        active = bytes.fromhex(os.path.basename(w.catalogue())[:-4])
        same(send(far.batch(liar, "west", [ROW]), [verdict(ROW, active, PROHIBITED, "evil.tool"),
                                                   verdict(b"\1", active, PROHIBITED, "no.row"),
                                                   verdict(ROW, bytes(31) + b"\1", 3, "other")]),
             "APPLIED", "a batch with forged verdicts")
        check(not w.home.json("position", "--product", "evil.tool"), "one matcher accuses nobody")
        check(not w.home.json("case", "list"), "no case")
        w.tested()
        totals = w.refusals()
        for reason, least in (("OUTSIDE_SUBTREE", 2), ("BAD_SIGNATURE", 3), ("UNKNOWN_KEY", 1),
                              ("WRONG_ROLE", 2), ("BAD_FRAME", 1), ("SIMULATED", 1),
                              ("UNKNOWN_UNIT", 1)):
            have = int(totals.get(REASON.index(reason), {"count": 0})["count"])
            check(have >= least, f"{reason} is counted {have} times, not {least}")
        check(w.slip_field("office", "id") in str(totals[REASON.index("OUTSIDE_SUBTREE")]),
              "who signed it is named where the signature holds")
        check(w.slip_field("liar", "id") in str(totals[REASON.index("BAD_SIGNATURE")]),
              "and whose link it came over where it does not")


def a_unit_that_a_collector_may_not_report_blocks_nothing_else():
    with world() as w:
        w.start("matcher-1")
        for unit in ("west", "east"):
            table = os.path.join(w.top, unit + ".csv")
            with open(table, "w", encoding="utf-8") as file:
                file.write(f"computer,name,version\nPC-{unit},某软件,1.0\n")
            w.home.run("import", table, "--unit", unit, "--collector", "office")
        w.start("office", "collector")
        counts = w.home.settled()
        same((int(counts["applied"]), int(counts["refused"])), (1, 1), "applied and refused")
        w.refused(REASON.index("OUTSIDE_SUBTREE"))
        w.tested()


def a_revoked_key_is_out_while_it_is_connected():
    with world() as w:
        port = w.start("matcher-1")
        peer = Peer(w, "office", "matcher-1", port, "collector").up()
        w.start("far", "collector")
        stream = Stream(w, "office")
        same(peer.report(stream.batch(peer, "east", [ROW])), "APPLIED", "before")
        w.home.run("key", "revoke", w.slip_field("office", "id"), "--reason", "lost")
        w.home.run("key", "revoke", w.slip_field("far", "id"), "--reason", "lost")
        peer.down(seconds=10)
        liar = w.enrol("liar", "matcher", "group")
        liar = Peer(w, "liar", "ledger", w.notifier, "matcher").up()
        same(liar.forward(pack(stream.batch(liar, "east", [ROW]))), "REFUSED REVOKED_KEY",
             "through a matcher that does not care")
        table = os.path.join(w.top, "t.csv")
        with open(table, "w", encoding="utf-8") as file:
            file.write("computer,name,version\nPC-1,某软件,1.0\n")
        w.home.run("import", table, "--unit", "west", "--collector", "far")
        w.refused(REASON.index("REVOKED_KEY"))
        until(lambda: "refused" in w.log("far") or "admit" in w.log("far") or None,
              "the collector to say so", 10)
        w.alive("far")
        same(int(w.home.counts()["pending"]), 1, "its report waits in the spool")
        w.tested()


if __name__ == "__main__":
    sys.exit(main(unknown_key_is_refused_at_both_doors,
                  units_outside_the_subtree_are_refused_by_an_honest_matcher,
                  a_lying_matcher_changes_nothing,
                  a_unit_that_a_collector_may_not_report_blocks_nothing_else,
                  a_revoked_key_is_out_while_it_is_connected))
