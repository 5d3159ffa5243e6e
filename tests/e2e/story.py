"""story - a home, its programs and its mail, for end-to-end tests and the demo.

Everything goes through the `zhengban` command as a user would give it; nothing looks into the
stores. A step that does not hold raises Broken with what was expected and what was seen.
"""
import glob
import json
import os
import signal
import subprocess
import sys
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("ZB_BINARY_DIR", os.path.join(SOURCE, "build", "release"))
WAIT_S = 60


class Broken(Exception):
    """A step of the story that does not hold."""


class Home:
    def __init__(self, path):
        self.path = path

    def run(self, *words, expect=0, actor=None, as_json=False, timeout=120):
        """One command; its exit status must be `expect`. Returns standard output, or objects."""
        command = [os.path.join(BINARY, "zhengban"), "--home", self.path]
        if actor is not None:
            command += ["--as", actor]
        if as_json:
            command += ["--json"]
        command += [str(w) for w in words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        if expect is not None and done.returncode != expect:
            raise Broken(f"zhengban {' '.join(str(w) for w in words)}: exit {done.returncode}, "
                         f"not {expect}\n{done.stdout}{done.stderr}")
        if as_json:
            return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        return done.stdout

    def json(self, *words, **options):
        return self.run(*words, as_json=True, **options)

    def one(self, *words, **options):
        objects = self.json(*words, **options)
        if len(objects) != 1:
            raise Broken(f"zhengban {' '.join(map(str, words))}: {len(objects)} objects, not 1")
        return objects[0]

    def pid(self, instance):
        with open(os.path.join(self.path, "run", instance + ".json"), encoding="utf-8") as file:
            return json.load(file)["pid"]

    def kill(self, instance, how=signal.SIGKILL):
        os.kill(self.pid(instance), how)

    def counts(self):
        return self.one("audit", "count")

    def settled(self):
        """Waits until no spool holds anything unsettled; returns the counts."""
        return until(lambda: (lambda c: c if c["pending"] == 0 else None)(self.counts()),
                     "every spool to be settled")

    def judged(self):
        """Waits until no row waits for a verdict that can still come."""
        until(lambda: self.status().get("todo", 1) == 0 or None, "every row to be judged")

    def status(self):
        merged = {}
        for item in self.json("status", expect=None):
            merged.update(item)
        return merged

    def mail(self):
        """Message files of the file channel by notice id."""
        found = {}
        for path in sorted(glob.glob(os.path.join(self.path, "outbox", "*.eml"))):
            with open(path, "rb") as file:
                for line in file:
                    if line.lower().startswith(b"x-zhengban-notice:"):
                        found.setdefault(int(line.split(b":")[1]), []).append(path)
                        break
        return found


def until(ask, what, seconds=WAIT_S):
    """Asks until the answer is not None. For other processes' progress there is no event."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer is not None:
            return answer
        if time.monotonic() > end:
            raise Broken(f"waited {seconds} s for {what}")
        time.sleep(0.05)


def check(holds, what):
    if not holds:
        raise Broken(what)


def tell(text=""):
    print(text)
    sys.stdout.flush()
