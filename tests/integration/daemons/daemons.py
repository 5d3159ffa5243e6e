"""daemons - a home whose daemons a test starts, stops and kills one by one.

Each runs without a supervisor, so that its exit status is the test's to judge: under a sanitizer a
leak at a clean stop is an exit status other than 0.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = os.environ.get("ZB_SOURCE_DIR") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BINARY = os.environ.get("ZB_BINARY_DIR") or os.path.join(SOURCE, "build", "release")
sys.path.insert(0, os.path.join(SOURCE, "tests", "e2e"))
from story import Broken, Home, check, tell, until  # noqa: E402

PROGRAM = {"notifier": "notifier", "matcher": "matcher", "collector": "collector"}
SKIPPED = 77
# The link layer's own times, so that what takes a minute of heartbeats takes seconds.
FAST = "\nbus:\n  heartbeat_ms: 200\n  silence_ms: 6000\n  reconnect_ms: 50\n"


class World:
    """A home below a folder of its own; context manager. `matchers` are enrolled, not started.
    `config` is appended to the configuration that init writes."""

    def __init__(self, *init, simulated=False, config=FAST):
        self.top = tempfile.mkdtemp(prefix="zhengban-daemons-")
        self.path = os.path.join(self.top, "home")
        self.home = Home(self.path)
        self.simulated = simulated
        self.running = {}
        self.peers = []
        self.faults = []
        words = ["--simulated"] if simulated else []
        self.home.run("init", "--unit", "group", *init, *words)
        self.configure(config)

    def configure(self, text):
        with open(os.path.join(self.path, "config.yaml"), "a", encoding="utf-8") as file:
            file.write(text)

    # ---- files ----

    def key(self, name):
        return os.path.join(self.path, "keys", name + ".key")

    def slip(self, name):
        return os.path.join(self.path, "keys", name + ".slip")

    def slip_field(self, name, field):
        with open(self.slip(name), encoding="utf-8") as file:
            return dict(line.rstrip("\n").split(": ", 1) for line in file)[field]

    def log(self, instance):
        with open(os.path.join(self.top, instance + ".log"), encoding="utf-8") as file:
            return file.read()

    def catalogue(self):
        found = [f for f in os.listdir(os.path.join(self.path, "catalogue")) if f.endswith(".zbc")]
        return os.path.join(self.path, "catalogue", found[0])

    def now_ms(self):
        with open(os.path.join(self.path, "run", "clock"), encoding="utf-8") as file:
            clock = json.load(file)
        return clock["now_ms"] if clock["simulated"] else int(time.time() * 1000)

    # ---- daemons ----

    def start(self, instance, program=None, wait=True):
        program = program or instance.split("-")[0]
        command = [os.path.join(BINARY, "zhengban-" + program), "--home", self.path,
                   "--instance", instance]
        with open(os.path.join(self.top, instance + ".log"), "a", encoding="utf-8") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self.running[instance] = process
        return self.ready(instance) if wait else None

    def ready(self, instance):
        def ask():
            if self.running[instance].poll() is not None:
                raise Broken(f"{instance} ended with {self.running[instance].returncode}:\n" +
                             self.log(instance)[-2000:])
            try:
                with open(os.path.join(self.path, "run", instance + ".json"),
                          encoding="utf-8") as file:
                    state = json.load(file)
            except FileNotFoundError:
                return None
            if state["pid"] != self.running[instance].pid:
                return None
            return state["ports"].get("bus", 0)
        return until(ask, f"{instance} to be ready", 20)

    def alive(self, instance):
        check(self.running[instance].poll() is None,
              f"{instance} ended by itself:\n{self.log(instance)[-2000:]}")

    def stop(self, instance, how=signal.SIGTERM):
        process = self.running.pop(instance)
        process.send_signal(how)
        try:
            status = process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Broken(f"{instance} did not stop within 20 s") from None
        if how == signal.SIGTERM:
            check(status == 0, f"{instance} ended with {status}:\n{self.log(instance)[-3000:]}")

    def stop_all(self):
        """Collectors, matchers, notifier; each must end with 0."""
        for instance in sorted(self.running, key=lambda i: (i == "notifier", "matcher" in i)):
            self.stop(instance)

    # ---- what the ledger says ----

    def table(self, name):
        return [row for row in self.home.json("audit", "dump") if row["table"] == name]

    def journal(self, kind):
        return [e for e in self.home.json("audit", "dump", "--journal") if e["kind"] == kind]

    def refusals(self):
        """Totals by reason's number, as journalled so far: the last entry holds the sum."""
        totals = {}
        for entry in self.journal("ENTRY_REFUSALS"):
            for effect in entry["effects"]:
                totals[int(effect["key"], 16)] = effect["value"]
        return totals

    def refused(self, reason, least=1):
        return until(lambda: (lambda r: r if r and int(r["count"]) >= least else None)(
            self.refusals().get(reason)), f"{least} refusals {reason} to be journalled", 10)

    def enrol(self, name, role, unit):
        self.home.run("key", "new", name, "--role", role)
        return self.home.one("key", "enrol", self.slip(name), "--unit", unit)["key"]

    def tested(self):
        """What every test ends with: a clean stop, one log line a minute, and a journal that holds."""
        for peer in self.peers:
            status = peer.close()
            check(status == 0, f"a peer ended with {status}")
        names = list(self.running)
        self.stop_all()
        for name in names:
            lines = re.findall(r"refused key", self.log(name))
            check(len(lines) <= 1, f"{name} logged {len(lines)} refusals within a minute")
            check("ERROR: LeakSanitizer" not in self.log(name), f"{name} leaks")
        self.home.run("audit", "verify")
        self.home.run("audit", "rebuild")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for peer in self.peers:
            if peer.process.poll() is None:
                peer.process.kill()
        for process in self.running.values():
            process.kill()
            process.wait()
        if kind is not None:
            for name in sorted(os.listdir(self.top)):
                if name.endswith(".log"):
                    tell(f"---- {name}\n" + "\n".join(self.log(name[:-4]).splitlines()[-12:]))
        shutil.rmtree(self.top, ignore_errors=True)


def main(*tests):
    for program in ("zhengban", "zhengban-notifier", "zhengban-matcher", "zhengban-collector",
                    "tests/test_peer"):
        if not os.path.exists(os.path.join(BINARY, program)):
            tell(f"skipped: {program} is not built")
            return SKIPPED
    failed = 0
    for test in tests:
        begun = time.monotonic()
        try:
            test()
            tell(f"ok     {test.__name__} ({time.monotonic() - begun:.1f} s)")
        except (Broken, OSError, KeyError, IndexError, subprocess.SubprocessError) as broken:
            failed += 1
            tell(f"FAULT  {test.__name__}: {broken!r}" if not isinstance(broken, Broken)
                 else f"FAULT  {test.__name__}: {broken}")
    return 1 if failed else 0
