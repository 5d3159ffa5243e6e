#!/usr/bin/env python3
"""sigkill - SIGKILL of any process at any time loses nothing and repeats no notice.

    ./dev chaos sigkill [--rounds N] [--seed S] [--sabotage] [--json]

A round is one kill. Rounds come in stories of about ten: a ten-second variant of the demo on a
simulated ledger, with two matchers, two collectors, a real mail server and the file channel.
Inventories come in, cases open, officials decide, the clock climbs the ladder, computers are
cleaned, a purchase covers a shortage. At seeded moments the notifier, a matcher, a collector, the
supervisor, everything at once or the importing command itself is killed. What is supervised comes
back alone; a command whose line broke is given again, as a person would after looking.

All stories of a seed are played in copies of one home, so that keys, ids and inventories are the
same, and once without kills. After each story:

  count      spooled = applied + refused + superseded + pending, pending and refused 0
  once       no event took effect twice, and the journal applied what the spools call applied
  kept       every computer of an import that was acknowledged is in the ledger
  whole      `audit verify` and `audit rebuild` hold
  rung       no official was told of a rung of a case by more than one notice
  told       a SENT notice was delivered once, an IN_DOUBT one at most once, others never
  same       the tables are those of the run without kills, as far as `comparable` says
  back       what was killed was ready again within 5 s; at the end a fresh report settles in 5 s

Exit 0 when all held, 1 when not, 2 when the story does not even hold without kills, 77 when
nothing is built. The plan of kills follows from the seed; where exactly in its work a process is
hit does not, the machine decides that.

--sabotage: in the middle of each story everything is killed and the ledger's folder is replaced by
an older copy. Nothing of ours can make that good, so the invariants must find it.
"""
import collections
import concurrent.futures
import csv
import email
import email.policy
import glob
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import lib_campaign
from lib_campaign import BINARY, SOURCE

sys.path.insert(0, os.path.join(SOURCE, "tests", "e2e"))
from story import Broken, Home, check, until  # noqa: E402  (tests/e2e is no package)

ROUNDS = 50
FULL_ROUNDS = 200      # from here on a run is put on record
STORY_KILLS = 10
AT_ONCE = 2            # stories side by side: they mostly wait
BACK_S = 5.0
TRIES = 8              # of a command whose line broke
MATCHERS, COLLECTORS = ("matcher-1", "matcher-2"), ("east", "west")
UNIT = {"east": "yun-east", "west": "yun-west"}
ROLES = ("handler", "dept_head", "deputy", "principal")
FILES, PER_FILE = 4, 4  # inventories of each unit, computers in each
HEADER = ("计算机编号", "操作系统", "软件名称", "版本", "厂商")
FREE = (("7-Zip 23.01 (x64)", "23.01", "Igor Pavlov"), ("VLC media player", "3.0.20", "VideoLAN"),
        ("Mozilla Firefox (x64 zh-CN)", "127.0.1", "Mozilla"),
        ("LibreOffice 24.2.4.2", "24.2.4.2", "The Document Foundation"),
        ("Notepad++ (64-bit x64)", "8.6.8", "Notepad++ Team"))
ACTIVATOR = ("HEU KMS Activator v42.0.2", "42.0.2", "")
OFFICE = ("WPS Office 专业版", "12.1.0.16929", "北京金山办公软件股份有限公司")
CAD = ("AutoCAD 2024 - 简体中文 (Simplified Chinese)", "24.3.61.0", "Autodesk")


# ---- what the stories of a seed share ----

def computers(unit, rng):
    """Inventories of a unit, {file number: {computer: [software]}}; faults lie in known files."""
    files = {}
    for f in range(FILES):
        files[f] = {}
        for c in range(PER_FILE):
            files[f][f"{unit}-{f}{c}"] = rng.sample(FREE, rng.randint(2, 4))
    for f, fault, count in ((0, ACTIVATOR, 1), (1, OFFICE, 3), (2, CAD, 3)):
        for name in rng.sample(sorted(files[f]), count):
            files[f][name].append(fault)
    return files


def write_csv(path, machines):
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADER)
        for name, softwares in machines.items():
            for software in softwares:
                out.writerow((name, "Windows 10 专业版") + software)


def prepare(base, seed):
    """The home that all stories start from, and their inventories."""
    rng = random.Random(f"{seed}/inventories")
    inventories = os.path.join(base, "inventories")
    os.makedirs(inventories)
    for collector, unit in UNIT.items():
        files = computers(unit, rng)
        for f, machines in files.items():
            write_csv(os.path.join(inventories, f"{collector}-{f}.csv"), machines)
        clean = {name: [s for s in all_ if s != ACTIVATOR] for name, all_ in files[0].items()}
        write_csv(os.path.join(inventories, f"{collector}-cleaned.csv"), clean)
        write_csv(os.path.join(inventories, f"{collector}-probe.csv"),
                  {f"{unit}-probe": list(FREE[:1])})
    with open(os.path.join(inventories, "proof.txt"), "w", encoding="utf-8") as file:
        file.write("采购合同 YX-2026-7\n")

    home = Home(os.path.join(base, "home"))
    words = ["init", "--name", "云溪集团", "--unit", "yun", "--unit-name", "云溪集团", "--simulated",
             "--start", "2026-09-07 09:00", "--matchers", len(MATCHERS)]
    for collector, unit in UNIT.items():
        words += ["--collector", f"{collector}:{unit}"]
    home.run(*words)
    home.run("up", "--detach")
    try:
        for unit in UNIT.values():
            home.run("unit", "set", unit, "--name", unit, "--computers", FILES * PER_FILE)
            for role in ROLES:
                key = f"{unit}-{role}".replace("_", "-")
                slip = os.path.join(home.path, "keys", key + ".slip")
                home.run("key", "new", key, "--role", "official", "--label", key)
                home.run("key", "enrol", slip, "--unit", unit)
    finally:
        home.run("down")
    return home.path


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


# ---- killing ----

def alive(pid):
    """False also for a process that is dead and only not yet reaped."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Killer(threading.Thread):
    """Carries out the plan of one story: (step, delay, victim), each after the last has recovered.

    The story waits at the end of a step until its kills have been fired, not until their victims
    are back. Importing commands are killed by the story itself, which starts them."""

    def __init__(self, home, plan):
        super().__init__(daemon=True)
        self.home = home
        self.plan = [kill for kill in plan if kill[2] != "import"]
        self.imports = collections.Counter(step for step, _, victim in plan if victim == "import")
        self.step, self.fired, self.changed = -1, 0, threading.Condition()
        self.busy = threading.Lock()  # held from a kill to the victim's return
        self.killed, self.slow, self.worst, self.failed = collections.Counter(), [], 0.0, None

    # for the story

    def begin(self, step):
        with self.changed:
            self.step = step
            self.changed.notify_all()

    def end(self, step):
        """Waits for the kills of this step; the last step's victims must be back, too."""
        planned = sum(1 for at, _, _ in self.plan if at <= step)
        with self.changed:
            self.changed.wait_for(lambda: self.fired >= planned or self.failed is not None, 120)
        if planned == len(self.plan):
            self.join(timeout=120)
        check(self.failed is None, f"killer: {self.failed}")

    # its own thread

    def run(self):
        try:
            for step, delay, victim in self.plan:
                with self.changed:
                    while self.step < step:
                        self.changed.wait()
                time.sleep(delay)
                with self.busy:
                    self.kill(victim)
        except (Broken, OSError, ValueError, KeyError, subprocess.SubprocessError) as failed:
            self.failed = repr(failed)
            with self.changed:
                self.changed.notify_all()

    def kill(self, victim):
        together = ("up", "notifier") + MATCHERS + COLLECTORS
        names = together if victim in ("supervisor", "everything") else (victim,)
        pids = {name: until(lambda n=name: self.pid(n), f"{name} to run", 10) for name in names}
        for name in ("up",) if victim == "supervisor" else names:
            os.kill(pids[name], signal.SIGKILL)
        begun = time.monotonic()
        with self.changed:
            self.fired += 1
            self.changed.notify_all()
        self.killed[victim] += 1
        for name in pids if victim != "supervisor" else ("up",):
            until(lambda p=pids[name]: None if alive(p) else True, f"{name} to be dead", 10)
        if "up" in pids:  # who supervises is started by hand, or by the host's init
            self.home.run("up", "--detach")
        for name, pid in pids.items():
            until(lambda n=name, p=pid: self.ready(n, p), f"{name} to be back after {victim}", 30)
        took = time.monotonic() - begun
        self.worst = max(self.worst, took)
        if took > BACK_S:
            self.slow.append(f"{victim} was back after {took:.1f} s")

    def pid(self, instance):
        """Its process, or None when it does not run."""
        try:
            pid = self.home.pid(instance)
            return pid if alive(pid) else None
        except (OSError, ValueError, KeyError):
            return None

    def ready(self, instance, old_pid):
        try:
            with open(os.path.join(self.home.path, "run", instance + ".json"),
                      encoding="utf-8") as file:
                state = json.load(file)
        except (OSError, ValueError):
            return None
        new = state["pid"] != old_pid and state["ready"] and alive(state["pid"])
        return True if new else None


def plan_of(seed, number, kills, steps):
    """Kills of a story: most where most happens. `steps`: their names, in order."""
    rng = random.Random(f"{seed}/{number}")
    busy = {"clock": (8, 0.5), "import": (3, 0.03), "settle": (4, 0.1)}  # weight, delay up to
    kind = [busy.get(name.split()[0], (1, 0.02)) for name in steps]
    victims = ["notifier"] * 6 + list(MATCHERS + COLLECTORS) * 2 + ["import"] * 3 + \
        ["supervisor", "everything"]
    plan = []
    later = range(1, len(steps))  # nothing runs before the first step has started it
    for step in sorted(rng.choices(later, [kind[i][0] for i in later], k=kills)):
        victim = rng.choice(victims)
        if victim == "import" and not steps[step].startswith("import"):
            victim = "notifier"
        plan.append((step, rng.uniform(0, kind[step][1]), victim))
    return plan


# ---- one story ----

class Story:
    def __init__(self, template, inventories, path):
        self.home, self.path = Home(path), path
        self.ledger = os.path.join(path, "ledger")
        self.inventories = inventories
        self.postman, self.killer = None, None
        self.rng = random.Random(path)  # moments within an import
        self.acknowledged, self.imports = set(), 0  # files, and how often any was given
        self.settle_s = 0.0  # the longest wait until all was settled and judged
        shutil.copytree(template, path)
        shutil.rmtree(os.path.join(path, "run"), ignore_errors=True)
        os.makedirs(os.path.join(path, "run"), mode=0o700)
        self.configure()

    def configure(self):
        """Ports of its own, and the mail server."""
        store = os.path.join(self.path, "mail")
        os.makedirs(store)
        self.postman = subprocess.Popen(
            ["/usr/bin/python3", os.path.join(SOURCE, "tests", "lib", "smtp_server.py"),
             "--store", store], stdout=subprocess.PIPE, text=True)
        mail = self.postman.stdout.readline().strip()
        check(mail, "the mail server does not start: is python3-aiosmtpd installed?")
        name = os.path.join(self.path, "config.yaml")
        with open(name, encoding="utf-8") as file:
            lines = file.readlines()
        ports = iter(free_ports(1 + len(MATCHERS)))
        with open(name, "w", encoding="utf-8") as file:
            for line in lines:
                head, found, _ = line.partition("address: tcp://127.0.0.1:")
                file.write(f"{head}{found}{next(ports)}\n" if found else line)
            file.write(f"\nmail:\n  url: smtp://127.0.0.1:{mail}\n  from: zhengban@yun.example\n"
                       "  require_tls: no\n")

    # ---- commands that may be broken off ----

    def give(self, *words, actor=None, done=None):
        """A command until it is answered. `done` tells whether a broken one took effect after all:
        the line may break before or after."""
        for _ in range(TRIES):
            try:
                self.home.run(*words, actor=actor)
                return
            except Broken as broken:
                seen = str(broken)
            if done is not None and done():
                return
            check(": exit 3," in seen, seen)
            time.sleep(0.2)
        raise Broken(f"given {TRIES} times: {seen}")

    def import_once(self, name, kill_after_s=None):
        """True: acknowledged. False: killed on its way."""
        collector = name.split("-")[0]
        command = [os.path.join(BINARY, "zhengban"), "--home", self.path, "import",
                   os.path.join(self.inventories, name + ".csv"), "--collector", collector,
                   "--unit", UNIT[collector]]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True) as process:
            if kill_after_s is not None:
                time.sleep(kill_after_s)
                process.kill()  # does nothing when it has ended already
            _, errors = process.communicate(timeout=60)
        self.imports += 1
        if process.returncode == 0:
            self.acknowledged.add(name)
            return True
        check(process.returncode == -signal.SIGKILL,
              f"import {name}: exit {process.returncode}\n{errors}")
        return False

    def take(self, name):
        """Imports a file until it is acknowledged, after as many killed imports as are planned."""
        planned = self.killer.imports[self.killer.step]
        for _ in range(10 * planned):
            if planned > 0 and not self.import_once(name, self.rng.uniform(0, 0.012)):
                self.killer.killed["import"] += 1
                planned -= 1
        check(planned == 0, f"import {name} always ends before it can be killed")
        self.import_once(name)

    def case(self, unit, product):
        found = self.home.json("case", "list", "--unit", unit, "--product", product)
        check(found, f"no case of {product} in {unit}")
        return max(found, key=lambda c: c["id"])

    def rights(self, product):
        return sum(p["entitled"] for p in self.home.json("position", "--product", product))

    def phase(self, unit):
        return {u["id"]: u for u in self.home.json("unit", "list")}[unit]["phase"]

    # ---- the steps ----

    def steps(self):
        """(name, what to do) in order."""
        yield "up", lambda: self.home.run("up", "--detach")
        for f in range(FILES):
            for collector in COLLECTORS:
                yield f"import {collector}-{f}", lambda n=f"{collector}-{f}": self.take(n)
        yield "settle survey", self.settle
        for unit in UNIT.values():
            for role in ROLES:
                yield f"official {unit} {role}", lambda u=unit, r=role: self.official(u, r)
        yield "right", lambda: self.right("autodesk.autocad", 2, 0)
        for unit in UNIT.values():
            yield f"baseline {unit}", lambda u=unit: self.give("unit", "baseline", u)
            for phase in ("trial", "enforced"):
                yield f"phase {unit} {phase}", lambda u=unit, p=phase: self.give(
                    "unit", "phase", u, p, done=lambda: self.phase(u) == p)
        yield "clock morning", lambda: self.clock("2026-09-08 10:00")
        for unit in UNIT.values():
            for product in ("activator.heu", "kingsoft.wps-pro", "autodesk.autocad"):
                if (unit, product) != ("yun-west", "autodesk.autocad"):
                    yield f"confirm {unit} {product}", \
                        lambda u=unit, p=product: self.decide("confirm", u, p, "ordered")
        yield "reject yun-west", lambda: self.decide("reject", "yun-west", "autodesk.autocad",
                                                     "rejected")
        yield "clock orders", lambda: self.clock("2026-09-09 08:30")
        for collector in COLLECTORS:
            yield f"import {collector}-cleaned", lambda n=f"{collector}-cleaned": self.take(n)
        yield "settle cleaned", self.settle
        yield "clock due", lambda: self.clock("2026-09-18 12:00")
        yield "right bought", lambda: self.right("autodesk.autocad", 4, 2)
        yield "clock holidays", lambda: self.clock("2026-10-09 12:00")
        yield "clock autumn", lambda: self.clock("2026-11-06 12:00")

    def settle(self):
        begun = time.monotonic()
        self.home.settled()
        self.home.judged()
        self.settle_s = max(self.settle_s, time.monotonic() - begun)

    def official(self, unit, role):
        key = f"{unit}-{role}".replace("_", "-")
        slip = os.path.join(self.path, "keys", key + ".slip")
        with open(slip, encoding="utf-8") as file:
            identity = next(line.split()[1] for line in file if line.startswith("id:"))
        self.give("official", "set", "--unit", unit, "--role", role, "--name", key, "--mail",
                  f"{key}@yun.example", "--channels",
                  "file,smtp" if role in ("deputy", "dept_head") else "smtp,file",
                  "--key", identity)

    def right(self, product, quantity, before):
        self.give("entitlement", "add", "--unit", "yun-east", "--product", product, "--quantity",
                  quantity, "--from", "2025-01-01", "--proof-file",
                  os.path.join(self.inventories, "proof.txt"),
                  done=lambda: self.rights(product) == before + quantity)

    def decide(self, verb, unit, product, state):
        case = self.case(unit, product)["id"]
        self.give("case", verb, case, "--reason", "现场核对", actor=f"{unit}-handler",
                  done=lambda: self.case(unit, product)["state"] == state)

    def clock(self, to):
        self.give("clock", "advance", "--to", to, done=lambda: self.home.json(
            "clock", "show")[0]["now"].startswith(to))

    # ---- playing it ----

    def play(self, plan, sabotage):
        self.killer = Killer(self.home, plan)
        self.killer.start()
        for number, (name, do) in enumerate(self.steps()):
            self.killer.begin(number)
            try:
                do()
                self.killer.end(number)
            except (Broken, subprocess.SubprocessError, OSError, LookupError) as broken:
                raise Broken(f"step '{name}': {broken}") from broken
            if sabotage and name.startswith("reject"):
                shutil.copytree(self.ledger, self.ledger + "-older")
            elif sabotage and name == "settle cleaned":
                self.go_back()

    def go_back(self):
        """The control: everything dies, and the ledger's folder comes from an older copy."""
        with self.killer.busy:
            pids = [self.killer.pid(name) for name in ("up", "notifier") + MATCHERS + COLLECTORS]
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            until(lambda: True if not any(map(alive, pids)) else None, "everybody to die")
            shutil.rmtree(self.ledger)
            shutil.copytree(self.ledger + "-older", self.ledger)
            self.home.run("up", "--detach")

    def computers(self):
        """How many computers acknowledged imports have named."""
        whole = {name for name in self.acknowledged if name.split("-")[1].isdigit()}
        return PER_FILE * len(whole) + sum(name.endswith("probe") for name in self.acknowledged)

    def probe(self):
        """End to end: a fresh report of each collector settles soon. Returns seconds."""
        begun = time.monotonic()
        for collector in COLLECTORS:
            self.take(f"{collector}-probe")
        self.settle()
        return time.monotonic() - begun

    def close(self):
        self.home.run("down", expect=None)
        if self.postman is not None:
            self.postman.kill()
            self.postman.wait()


# ---- what must hold ----

def delivered(path):
    """Messages by notice id, over both channels."""
    found = collections.Counter()
    for folder in ("mail", "outbox"):
        for name in glob.glob(os.path.join(path, folder, "*.eml")):
            with open(name, "rb") as file:
                message = email.message_from_binary_file(file, policy=email.policy.default)
            found[int(message["X-Zhengban-Notice"])] += 1
    return found


def case_of(item):
    """What names a case in the tables, or None for a record of something else."""
    case = item if item["table"] == "case" else item.get("case")
    return None if case is None else (case["unit"], case["product"], case["opened_ms"])


def doubtful(dump):
    """Cases with a notice in doubt."""
    return {case_of(item) for item in map(json.loads, dump.splitlines())
            if item["table"] == "notice" and item["state"] == "NOTICE_IN_DOUBT"}


def comparable(dump, in_doubt):
    """What kills must not change of the tables: sorted lines.

    Left out, because repeating is what makes up for a kill: ids of commands, which are drawn anew;
    sequences of reports, since an import may have been given twice (`seen` is their record); ids of
    mails, since two collectors' reports may have settled in the other order. While a notice is in
    doubt it is not served, and the ladder of its case waits until a person has settled it: of the
    cases `in_doubt` only their being there is compared, and alarms that say so are left out."""
    lines = []
    for line in dump.splitlines():
        item = json.loads(line)
        table, case = item["table"], case_of(item)
        if table in ("command", "seen"):
            continue
        if in_doubt and table == "alarm" and item["kind"] in ("in_doubt", "unserved"):
            continue
        if case in in_doubt:
            if table != "case":
                continue
            item = {"table": table, "case": case}
        item.pop({"report": "sequence", "notice": "message_id"}.get(table, ""), None)
        lines.append(json.dumps(item, ensure_ascii=False, sort_keys=True))
    return sorted(lines)


def faults_of(story, clean, result):
    """One line for each invariant that does not hold; figures go to `result`."""
    home, faults = story.home, []

    def hold(holds, what):
        if not holds:
            faults.append(what)

    counts = home.one("audit", "count", expect=None)
    hold(counts["pending"] == 0 and counts["refused"] == 0 and
         counts["spooled"] == counts["applied"] + counts["superseded"], f"count: {counts}")
    hold(counts["duplicates"] == 0, f"once: {counts['duplicates']} events took effect twice")
    hold(counts["journal_applied"] == counts["applied"],
         f"once: the journal applied {counts['journal_applied']}, the spools {counts['applied']}")
    hold(home.status()["endpoints"] == story.computers(),
         f"kept: {home.status()['endpoints']} of {story.computers()} computers")
    hold(story.computers() <= counts["spooled"] <= PER_FILE * story.imports,
         f"kept: {counts['spooled']} reports of {story.imports} imports")
    for verb in ("verify", "rebuild"):
        try:
            home.run("audit", verb)
        except Broken as broken:
            faults.append(f"whole: {broken}")

    notices = home.json("notice", "list")
    result["notices"] = len(notices)
    result["in_doubt"] = sum(n["state"] == "in_doubt" for n in notices)
    hold(result["in_doubt"] == home.status()["notices"].get("in_doubt", 0),
         "told: `status` and `notice list` disagree on what is in doubt")
    # A ladder's rungs stand once for ever; a question or an order may come again on another day.
    keys = collections.Counter((n["case"], n["rung"], n["official"], "" if n["rung"] else (
        n["template"], n["channel"], n["planned"])) for n in notices)
    again = [k for k, times in keys.items() if times > 1]
    hold(notices and not again, f"rung: told by more than one notice: {again[:3]}")
    mail, state = delivered(story.path), {n["id"]: n["state"] for n in notices}
    twice = sorted(i for i, times in mail.items() if times > 1)
    hold(not twice, f"told: delivered more than once: notices {twice}")
    lost = sorted(i for i, s in state.items() if s == "sent" and mail[i] == 0)
    hold(not lost, f"told: sent, but never delivered: notices {lost}")
    odd = sorted((i, state.get(i)) for i in mail if state.get(i) not in ("sent", "in_doubt"))
    hold(not odd, f"told: delivered, but neither sent nor in doubt: {odd}")
    open_ = sorted(i for i, s in state.items() if s not in ("sent", "in_doubt", "cancelled"))
    hold(not open_, f"told: neither sent nor in doubt at the end: {[(i, state[i]) for i in open_]}")

    dump = home.run("audit", "dump")
    if clean is not None:
        here, there = (comparable(tables, doubtful(dump)) for tables in (dump, clean))
        extra, missing = multiset(here, there), multiset(there, here)
        hold(not extra and not missing,
             f"same: {len(extra)} records more and {len(missing)} less than without kills: "
             + "; ".join([("+" + line)[:200] for line in extra[:1]]
                         + [("-" + line)[:200] for line in missing[:1]]))
    return faults, dump


def multiset(here, there):
    return sorted((collections.Counter(here) - collections.Counter(there)).elements())


# ---- the campaign ----

class Campaign:
    def __init__(self, given, base):
        self.given, self.base = given, base
        self.template = prepare(base, given.seed)
        self.inventories = os.path.join(base, "inventories")
        self.clean, self.steps = None, []
        result = self.tell_story(-1, [])
        check(not result["faults"], "without any kill: " + "; ".join(result["faults"]))

    def tell_story(self, number, plan):
        """One story and its verdict; number -1 is the one without kills."""
        begun = time.monotonic()
        path = os.path.join(self.base, "clean" if number < 0 else f"story-{number}")
        result = {"story": number, "kills": {}, "faults": [], "notices": 0, "in_doubt": 0}
        story = Story(self.template, self.inventories, path)
        try:
            story.play(plan, self.given.sabotage and number >= 0)
            probed = story.probe()
            result["kills"] = dict(story.killer.killed)
            result["back_s"] = round(max(story.killer.worst, probed), 2)
            result["settle_s"] = round(story.settle_s, 2)
            result["faults"] += [f"back: {slow}" for slow in story.killer.slow]
            if probed > BACK_S:
                result["faults"].append(f"back: a fresh report settled after {probed:.1f} s")
            faults, dump = faults_of(story, self.clean, result)
            result["faults"] += faults
            if number < 0:
                self.clean, self.steps = dump, [name for name, _ in story.steps()]
        except (Broken, subprocess.SubprocessError, OSError) as broken:
            result["faults"].append(f"story: {broken}")
            result["kills"] = dict(story.killer.killed) if story.killer is not None else {}
        finally:
            story.close()
        result["seconds"] = round(time.monotonic() - begun, 1)
        if not result["faults"] or self.given.sabotage:
            shutil.rmtree(path)
        return result

    def run(self, progress, say):
        count = -(-self.given.rounds // STORY_KILLS)
        todo = [i for i in range(count) if i not in progress.stories]

        def one(number):
            kills = min(STORY_KILLS, self.given.rounds - number * STORY_KILLS)
            return self.tell_story(number, plan_of(self.given.seed, number, kills, self.steps))
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for result in pool.map(one, todo):
                    progress.add(result)
                    say(result)
            except BaseException:  # Ctrl-C: what is under way comes to its end, the rest waits
                pool.shutdown(cancel_futures=True)
                raise


def summary(given, progress):
    stories = [progress.stories[i] for i in sorted(progress.stories)]
    kills = collections.Counter()
    for story in stories:
        kills.update(story["kills"])
    faults = [f"story {s['story']}: {f}" for s in stories for f in s["faults"]]
    if sum(kills.values()) != given.rounds and not faults:
        faults.append(f"{sum(kills.values())} kills, not {given.rounds}")
    return {"campaign": "sigkill", "commit": lib_campaign.commit(), "seed": given.seed,
            "rounds": given.rounds, "held": not faults, "sabotage": given.sabotage,
            "minutes": round(sum(s["seconds"] for s in stories) / AT_ONCE / 60, 1),
            "stories": len(stories), "kills": dict(sorted(kills.items())),
            "notices": sum(s["notices"] for s in stories),
            "in_doubt": sum(s["in_doubt"] for s in stories),
            "back_s": max(s.get("back_s", 0) for s in stories),
            "settle_s": max(s.get("settle_s", 0) for s in stories), "faults": faults}


def control(seed):
    """The broken variant, one story of it: what it says goes on record beside the full run."""
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--sabotage", "--json",
                           "--rounds", str(STORY_KILLS), "--seed", str(seed)],
                          capture_output=True, text=True, check=False)
    return "caught" if done.returncode == lib_campaign.BROKEN else "**missed**"


def main():
    given = lib_campaign.arguments("SIGKILL of any process, at random moments", ROUNDS)
    programs = [os.path.join(BINARY, "zhengban" + p) for p in ("", "-notifier", "-matcher",
                                                               "-collector")]
    if not all(os.access(p, os.X_OK) for p in programs):
        print(f"skipped: the programs are not built in {BINARY}")
        return lib_campaign.SKIPPED

    def say(text):
        print(text, file=sys.stderr if given.json else sys.stdout, flush=True)

    def say_story(result):
        say(f"story {result['story']:3}: {sum(result['kills'].values()):2} kills in "
            f"{result['seconds']:4} s, {result['notices']} notices, {result['in_doubt']} in doubt, "
            f"back within {result.get('back_s', '?')} s: {'; '.join(result['faults']) or 'held'}")
    say(f"sigkill: {given.rounds} kills, seed {given.seed}"
        f"{', with the ledger swapped for an older copy (control)' if given.sabotage else ''}")
    progress = lib_campaign.Progress("sigkill", given)
    base = tempfile.mkdtemp(prefix="zhengban-sigkill-")
    try:
        Campaign(given, base).run(progress, say_story)
    except (Broken, subprocess.SubprocessError) as broken:
        say(f"sigkill: {broken}")
        shutil.rmtree(base)
        return lib_campaign.INVALID
    except KeyboardInterrupt:
        say("sigkill: broken off; the same command goes on from here")
        shutil.rmtree(base)
        return lib_campaign.INVALID
    result = summary(given, progress)
    progress.done()
    if result["held"] or given.sabotage:
        shutil.rmtree(base)
    else:
        say(f"sigkill: homes of the stories that broke are in {base}")
        say(f"again: ./dev chaos sigkill --rounds {given.rounds} --seed {given.seed}")
    if given.rounds >= FULL_ROUNDS and not given.sabotage:
        result["control"] = control(given.seed)
        lib_campaign.record({name: result[name] for name in lib_campaign.COLUMNS})
    if given.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        say(f"sigkill: {result['rounds']} kills {result['kills']}, {result['notices']} notices, "
            f"{result['in_doubt']} in doubt, back within {result['back_s']} s, all settled within "
            f"{result['settle_s']} s, {result['minutes']} min: "
            + ("every invariant held" if result["held"] else "NOT held:"))
        for fault in result["faults"]:
            say("  " + fault)
    if given.sabotage and all(": story: " in fault for fault in result["faults"]):
        return lib_campaign.INVALID  # a story that only stops proves nothing about the invariants
    return lib_campaign.HELD if result["held"] else lib_campaign.BROKEN


if __name__ == "__main__":
    sys.exit(main())
