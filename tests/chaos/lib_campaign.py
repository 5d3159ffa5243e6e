"""lib_campaign - what every fault campaign shares: arguments, progress that survives, the record.

A campaign is a number of rounds, done in stories. A finished story is appended to a file below the
build folder, so that a run that was broken off goes on where it stopped when it is asked for again
with the same seed, rounds and commit. A full run appends one line to docs/reliability.jsonl and
writes the table of docs/reliability.md anew from all lines.
"""
import argparse
import fcntl
import json
import os
import secrets
import subprocess

SOURCE = os.environ.get("ZB_SOURCE_DIR", os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
BINARY = os.environ.get("ZB_BINARY_DIR", os.path.join(SOURCE, "build", "release"))
RECORD = os.path.join(SOURCE, "docs", "reliability.jsonl")
PAGE = os.path.join(SOURCE, "docs", "reliability.md")
TABLE_BEGIN, TABLE_END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
COLUMNS = ("campaign", "commit", "seed", "rounds", "minutes", "held", "control")
HELD, BROKEN, INVALID, SKIPPED = 0, 1, 2, 77


def arguments(what, rounds):
    """--rounds N (default `rounds`), --seed S (default: drawn), --sabotage, --json."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--sabotage", action="store_true",
                        help="the control: break something on purpose; must exit 1")
    parser.add_argument("--json", action="store_true", help="one object on standard output")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds wants a number from 1")
    if given.seed is None:
        given.seed = secrets.randbelow(10**9)
    return given


def commit():
    """The commit that stands in SOURCE, with a + where programs differ from it; "" if unknown."""
    def git(*words):
        done = subprocess.run(["git", "-C", SOURCE, *words], capture_output=True, text=True,
                              check=False)
        return done.stdout.strip() if done.returncode == 0 else ""
    head = git("rev-parse", "--short", "HEAD")
    code = ("base", "proto", "bus", "store", "ledger", "collector", "matcher", "notifier", "cli",
            "data", "tests/chaos")
    return head + ("+" if head and git("status", "--porcelain", "--", *code) else "")


class Progress:
    """The finished stories of one campaign run, by number."""

    def __init__(self, campaign, given):
        name = f"{campaign}-{given.seed}-{given.rounds}{'-sabotage' if given.sabotage else ''}"
        self.path = os.path.join(BINARY, "chaos", name + ".jsonl")
        self.head = {"commit": commit(), "seed": given.seed, "rounds": given.rounds}
        self.stories = {}
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        try:
            with open(self.path, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file if line.endswith("\n")]
        except (FileNotFoundError, ValueError):
            lines = []
        # Only what stands in a commit is known to be the same as before.
        known = self.head["commit"] and "+" not in self.head["commit"]
        if known and lines and lines[0] == self.head:
            self.stories = {story["story"]: story for story in lines[1:]}
        else:
            with open(self.path, "w", encoding="utf-8") as file:
                file.write(json.dumps(self.head) + "\n")

    def add(self, story):
        self.stories[story["story"]] = story
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(story) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def done(self):
        os.unlink(self.path)


def record(row):
    """Appends a full run's row and writes the page's table anew."""
    with open(RECORD, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two campaigns may end at the same time
        file.write(json.dumps(row) + "\n")
        file.flush()
        file.seek(0)
        rows = [json.loads(line) for line in file]
        with open(PAGE, encoding="utf-8") as page:
            text = page.read()
        before, rest = text.split(TABLE_BEGIN)
        _, after = rest.split(TABLE_END)
        with open(PAGE + ".new", "w", encoding="utf-8") as page:
            page.write(before + TABLE_BEGIN + table(rows) + TABLE_END + after)
        os.rename(PAGE + ".new", PAGE)


def table(rows):
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|---:|---:|---:|---|---|"]
    for row in rows:
        cells = {**row, "held": "yes" if row["held"] else "**no**"}
        lines.append("| " + " | ".join(str(cells[name]) for name in COLUMNS) + " |")
    return "\n".join(lines) + "\n"
