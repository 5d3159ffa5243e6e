#!/usr/bin/env python3
"""demo - the main job, end to end, on this machine, with nothing pretended.

An enterprise group, 华新集团, with a head office and two subsidiaries, a design institute and a
trading company, each with a collector and a key of its own. One collector scans this very machine;
the others import inventories. Two matchers recognise; one is killed in the middle. The simulated
clock runs from Monday 2026-09-07 09:00 to 2026-11-06 18:00 (UTC+8) over two holidays and two
make-up working days. Mail goes through a real SMTP server on this host.

Every step is checked; the first that does not hold ends the story with exit status 1. The folder
stays behind, to try commands on.
"""
import collections
import email
import email.policy
import glob
import os
import shutil
import subprocess
import sys

from story import BINARY, SOURCE, Broken, Home, check, tell, until

DATA = os.path.join(SOURCE, "tests", "e2e", "demo", "data")
ROLES = ("handler", "dept_head", "deputy", "principal")
DESIGN, TRADE = "huaxin-design", "huaxin-trade"
COMPUTERS = 22 + 20 + 1  # of the two inventories, and this machine
NAMES = {"huaxin": "华新集团总部", DESIGN: "华新设计院", TRADE: "华新商贸"}
PEOPLE = {DESIGN: "王李赵钱", TRADE: "孙周吴郑"}
GIVEN = ("芳", "建国", "敏", "海涛")


class Demo:
    def __init__(self, path):
        self.home = Home(path)
        self.path = path
        self.postman = None
        self.cases = {}

    # ---- small talk with the ledger ----

    def case(self, unit, product):
        """The id of the newest case of a product in a unit."""
        found = [c for c in self.home.json("case", "list", "--unit", unit, "--product", product)]
        check(found, f"no case of {product} in {unit}")
        return max(found, key=lambda c: c["id"])

    def state(self, unit, product, expected):
        case = self.case(unit, product)
        check(case["state"] == expected,
              f"case {case['id']} ({product}, {unit}) is {case['state']}, not {expected}")
        return case

    def installed(self, unit, product):
        rows = self.home.json("position", "--unit", unit, "--product", product)
        return sum(r["installed"] for r in rows if r["unit"] == unit)

    def clock(self, to):
        self.home.run("clock", "advance", "--to", to, timeout=120)
        tell(f"      {to}")

    def begin(self, text):
        tell(f"\n{text}")

    # ---- the story ----

    def found(self):
        self.begin("1. A home: the ledger, two matchers, three collectors, each with keys of its own")
        self.home.run("init", "--name", "华新集团正版化工作办公室", "--unit", "huaxin", "--unit-name",
                      NAMES["huaxin"], "--simulated", "--start", "2026-09-07 09:00", "--matchers", 2,
                      "--collector", "hq:huaxin:host", "--collector", f"design:{DESIGN}",
                      "--collector", f"trade:{TRADE}")
        self.mail_server()
        self.home.run("up", "--detach")
        for unit, computers in (("huaxin", 1), (DESIGN, 22), (TRADE, 20)):
            self.home.run("unit", "set", unit, "--name", NAMES[unit], "--computers", computers)
        tell("   " + self.home.run("clock", "show").strip())

    def mail_server(self):
        """aiosmtpd on loopback; what it accepts lies in mail/, one file a message."""
        store = os.path.join(self.path, "mail")
        os.makedirs(store)
        self.postman = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(SOURCE, "tests", "lib", "smtp_server.py"),
             "--store", store], stdout=subprocess.PIPE, text=True)
        port = self.postman.stdout.readline().strip().split()[-1]
        with open(os.path.join(self.path, "config.yaml"), "a", encoding="utf-8") as config:
            config.write("\n# the demo's own mail server, on this host\nmail:\n"
                         f"  url: smtp://127.0.0.1:{port}\n  from: zhengban@huaxin.example\n"
                         "  require_tls: no\n")

    def survey(self):
        self.begin("2. Survey: inventories come in; positions, and no notice to anybody")
        design = sorted(glob.glob(os.path.join(DATA, "design", "*.json")))
        self.home.run("import", *design, "--unit", DESIGN, "--collector", "design")
        # One matcher dies while the trading company's computers are on their way.
        self.home.kill("matcher-1")
        self.home.run("import", os.path.join(DATA, "trade", "computers.csv"), "--unit", TRADE,
                      "--collector", "trade")
        tell("   matcher-1 was killed (SIGKILL) in the middle; its supervisor starts another")
        until(lambda: self.home.counts()["spooled"] >= COMPUTERS or None,
              "the head office to have scanned this machine")
        counts = self.home.settled()
        check(counts["spooled"] == counts["applied"] == COMPUTERS,
              f"{COMPUTERS} computers were spooled and applied, but: {counts}")
        self.home.judged()
        self.compare("before")
        check(not self.home.json("case", "list"), "a survey opens no case")
        check(not self.home.json("notice", "list"), "a survey tells nobody")
        tell(f"   {counts['applied']} computers settled, nothing lost, no notice sent")

    def compare(self, column):
        """Positions against what the inventories were written to hold."""
        with open(os.path.join(DATA, "expected.tsv"), encoding="utf-8") as file:
            header = file.readline().split()
            for line in file:
                row = dict(zip(header, line.split()))
                unit, want = "huaxin-" + row["unit"], int(row[column])
                have = self.installed(unit, row["product"])
                check(have == want, f"{row['product']} in {unit}: {have} installed, not {want}")

    def officials(self):
        self.begin("3. Officials, rights and the baseline; then enforcement")
        for unit in (DESIGN, TRADE):
            for i, role in enumerate(ROLES):
                self.official(unit, role, PEOPLE[unit][i] + GIVEN[i])
        self.official("huaxin", "lead_office", "冯立新")
        self.official("huaxin", "upper_office", "陈静")
        self.home.run("unit", "phase", DESIGN, "enforced", expect=2)  # trial comes first
        proof = os.path.join(self.path, "proof.txt")
        with open(proof, "w", encoding="utf-8") as file:
            file.write("授权证书 HX-2026-001\n")

        def right(unit, product, quantity, *more):
            self.home.run("entitlement", "add", "--unit", unit, "--product", product, "--quantity",
                          quantity, "--proof-file", proof, *more)
        right("huaxin", "microsoft.windows", 60, "--subtree", "--from", "2025-01-01")
        right(DESIGN, "autodesk.autocad", 8, "--from", "2025-01-01")
        right(DESIGN, "zwsoft.zwcad", 8, "--from", "2025-01-01")
        right(DESIGN, "kaspersky.endpoint", 22, "--metric", "subscription", "--from", "2025-09-01",
              "--to", "2026-08-31")
        right(TRADE, "yonyou.u8", 3, "--from", "2025-01-01")
        for unit in (DESIGN, TRADE):
            self.home.run("unit", "baseline", unit)
            self.home.run("unit", "phase", unit, "trial")
            self.home.run("unit", "phase", unit, "enforced")
        opened = self.home.json("case", "list")
        kinds = collections.Counter(c["class"] for c in opened)
        check(kinds == {"A": 3, "B": 1, "D": 1, "E": 1}, f"cases by class: {dict(kinds)}")
        tell(f"   {len(opened)} suspicions; each handler is asked to verify first")

    def official(self, unit, role, name):
        key = f"{unit}-{role}".replace("_", "-")
        slip = os.path.join(self.path, "keys", key + ".slip")
        self.home.run("key", "new", key, "--role", "official", "--label", key)
        if not os.path.exists(slip):
            with open(slip, "w", encoding="utf-8") as file:
                file.write(self.home.run("key", "show", key))
        enrolled = self.home.one("key", "enrol", slip, "--unit", unit)
        self.home.run("official", "set", "--unit", unit, "--role", role, "--name", name, "--mail",
                      f"{role.replace('_', '-')}@{unit}.example", "--channels",
                      "file,smtp" if role == "deputy" else "smtp,file", "--key", enrolled["key"])

    def verify(self):
        self.begin("4. People decide: one suspicion is false, the others are confirmed")
        self.clock("2026-09-08 10:00")
        handler = {DESIGN: f"{DESIGN}-handler", TRADE: f"{TRADE}-handler"}
        false = self.state(DESIGN, "activator.kms-emulator", "suspected")
        self.home.run("case", "reject", false["id"], "--reason",
                      "自研许可服务器，名称相近，不是激活工具", actor=handler[DESIGN])
        for unit, product in ((DESIGN, "activator.kmsauto"), (DESIGN, "autodesk.autocad"),
                              (DESIGN, "kaspersky.endpoint"), (TRADE, "activator.heu"),
                              (TRADE, "kingsoft.wps-pro")):
            case = self.state(unit, product, "suspected")
            self.home.run("case", "confirm", case["id"], "--reason", "现场核对属实",
                          actor=handler[unit])
        self.clock("2026-09-08 12:00")
        due = {p: self.state(u, p, "ordered")["due"] for u, p in (
            (DESIGN, "activator.kmsauto"), (TRADE, "kingsoft.wps-pro"),
            (DESIGN, "kaspersky.endpoint"), (DESIGN, "autodesk.autocad"))}
        expected = {"activator.kmsauto": "2026-09-09", "kingsoft.wps-pro": "2026-09-15",
                    "kaspersky.endpoint": "2026-09-29", "autodesk.autocad": "2026-10-26"}
        check(due == expected, f"due dates over holidays and make-up days: {due}")
        tell("   deadlines: " + ", ".join(f"{p} {d}" for p, d in due.items()))

    def rectify(self):
        self.begin("5. Some computers are cleaned, and a re-scan proves it")
        self.clock("2026-09-09 08:30")
        self.home.run("import", os.path.join(DATA, "after", "design", "SJ-007.json"), "--unit",
                      DESIGN, "--collector", "design")
        self.home.run("import", os.path.join(DATA, "after", "trade", "computers_cleaned.csv"),
                      "--unit", TRADE, "--collector", "trade")
        self.home.settled()
        self.home.judged()
        self.compare("after")
        until(lambda: self.case(DESIGN, "activator.kmsauto")["state"] == "closed" or None,
              "the proof to close the case of the activator")
        self.state(TRADE, "activator.heu", "closed")
        self.state(TRADE, "kingsoft.wps-pro", "ordered")
        tell("   both activators are gone and their cases closed; 5 of 8 office suites remain")

    def climb(self):
        self.begin("6. Autumn passes: the rest climbs, rung by rung")
        self.clock("2026-09-30 18:00")
        self.state(TRADE, "kingsoft.wps-pro", "overdue")
        self.clock("2026-10-12 12:00")
        proof = os.path.join(self.path, "proof.txt")
        self.home.run("entitlement", "add", "--unit", DESIGN, "--product", "autodesk.autocad",
                      "--quantity", 4, "--proof-file", proof, "--note", "采购合同 HX-2026-117")
        self.state(DESIGN, "autodesk.autocad", "closed")
        tell("   a purchase covers the CAD shortage")
        self.clock("2026-10-21 10:00")
        self.home.run("entitlement", "add", "--unit", DESIGN, "--product", "kaspersky.endpoint",
                      "--quantity", 22, "--metric", "subscription", "--from", "2026-10-21", "--to",
                      "2027-10-20", "--proof-file", proof)
        self.state(DESIGN, "kaspersky.endpoint", "closed")
        tell("   the antivirus subscription is renewed")
        self.clock("2026-11-06 18:00")
        self.state(TRADE, "kingsoft.wps-pro", "overdue")

    def told(self):
        """Notices against mail: each SENT once, and the ladder as the rules say."""
        self.begin("7. Who was told, and whether every rung fired exactly once")
        notices = self.home.json("notice", "list")
        states = collections.Counter(n["state"] for n in notices)
        check(set(states) <= {"sent", "cancelled"}, f"notices by state: {dict(states)}")
        delivered = collections.Counter()
        for path in glob.glob(os.path.join(self.path, "mail", "*.eml")) + \
                glob.glob(os.path.join(self.path, "outbox", "*.eml")):
            with open(path, "rb") as file:
                message = email.message_from_binary_file(file, policy=email.policy.default)
            delivered[int(message["X-Zhengban-Notice"])] += 1
        sent = {n["id"] for n in notices if n["state"] == "sent"}
        check(set(delivered) == sent, "every notice that is SENT was delivered, and no other")
        check(max(delivered.values()) == 1, "no notice was delivered twice")
        wps = self.case(TRADE, "kingsoft.wps-pro")["id"]
        rungs = collections.defaultdict(set)
        for n in notices:
            if n["case"] == wps and n["rung"].startswith("T"):
                rungs[n["rung"]].add(n["official"].split("/")[-1])
        highest = {"T+1": "deputy", "T+5": "principal", "T+10": "lead_office",
                   "T+15": "upper_office"}
        for rung, official in highest.items():
            check(official in rungs[rung], f"{rung} told {sorted(rungs[rung])}, not {official}")
        order = ["handler", "dept_head", "deputy", "principal", "lead_office", "upper_office"]
        for rung in sorted(rungs, key=lambda r: int(r[1:] or 0)):
            tell(f"   {rung:5} {', '.join(o for o in order if o in rungs[rung])}")
        return notices

    def totals(self, notices):
        self.begin("8. The books")
        counts = self.home.counts()
        check(counts["spooled"] == counts["applied"] + counts["refused"] + counts["superseded"] +
              counts["pending"], f"spooled = applied + refused + superseded + pending: {counts}")
        status = self.home.status()
        tell("   events      " + ", ".join(f"{k} {counts[k]}" for k in (
            "spooled", "applied", "refused", "superseded", "pending", "duplicates")))
        tell(f"   rows        {status.get('rows', '?')} distinct, {status.get('todo', '?')} unjudged")
        for p in self.home.json("position"):
            if p["short"] or p["unit"] == DESIGN and p["entitled"]:
                tell(f"   position    {p['unit']:14} {p['product']:22} installed {p['installed']:3}  "
                     f"entitled {p['entitled']:3}  short {p['short']:3}")
        cases = collections.Counter(c["state"] for c in self.home.json("case", "list"))
        tell("   cases       " + ", ".join(f"{k} {v}" for k, v in sorted(cases.items())))
        by_rung = collections.Counter(n["rung"] or n["template"] for n in notices)
        tell("   notices     " + ", ".join(f"{k} {v}" for k, v in sorted(by_rung.items())))
        tell("   audit       " + self.home.run("audit", "verify").splitlines()[0])
        tell("   rebuild     " + self.home.run("audit", "rebuild").splitlines()[0])

    def tell_next(self):
        zhengban = os.path.relpath(os.path.join(BINARY, "zhengban"))
        home = os.path.relpath(self.path)
        case = self.case(TRADE, "kingsoft.wps-pro")["id"]
        tell(f"""
The folder stays behind. To go on:
   {zhengban} --home {home} up --detach
   {zhengban} --home {home} status
   {zhengban} --home {home} case show {case}
   {zhengban} --home {home} position --unit {DESIGN}
   {zhengban} --home {home} notice list --case {case}
   {zhengban} --home {home} audit verify
   {zhengban} --home {home} down""")

    def close(self):
        if os.path.exists(os.path.join(self.path, "run", "up.json")):
            self.home.run("down", expect=None)
        if self.postman is not None:
            self.postman.kill()
            self.postman.wait()

    def run(self):
        self.found()
        self.survey()
        self.officials()
        self.verify()
        self.rectify()
        self.climb()
        self.totals(self.told())


def main():
    path = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(BINARY, "..", "demo"))
    if os.path.exists(os.path.join(path, "run", "up.json")):
        Home(path).run("down", expect=None)
    shutil.rmtree(path, ignore_errors=True)
    demo = Demo(path)
    try:
        demo.run()
        demo.tell_next()
    except (Broken, OSError, subprocess.SubprocessError, KeyError) as broken:
        tell(f"\ndemo: this step does not hold: {broken!r}" if not isinstance(broken, Broken)
             else f"\ndemo: this step does not hold: {broken}")
        tell(f"demo: logs are in {os.path.join(path, 'log')}")
        return 1
    finally:
        demo.close()
    tell("\nEvery step held.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
