#!/usr/bin/env python3
"""What a daemon says of a home that it cannot run with: file, line, key, what was expected and an
example, and an exit status that tells wrong input (2) from a failing system (3)."""
import os
import re
import signal
import socket
import subprocess
import sys

from daemons import BINARY, World, check, main


def run(w, program, instance, config=None):
    """Exit status and what was said; a daemon that runs on is stopped and gives None."""
    command = [os.path.join(BINARY, "zhengban-" + program), "--home", w.path, "--instance", instance]
    if config is not None:
        command += ["--config", config]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            _, said = process.communicate(timeout=6)
            return process.returncode, said
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=20)
            return None, said


def refused(w, program, instance, status, *patterns, config=None):
    got, said = run(w, program, instance, config)
    check(got == status, f"{instance}: status {got}, not {status}:\n{said}")
    for pattern in patterns:
        check(re.search(pattern, said), f"{instance} does not say '{pattern}':\n{said}")


def a_wrong_configuration_is_refused_with_line_and_remedy():
    with World("--collector", "office:group") as w:
        good = os.path.join(w.path, "config.yaml")
        with open(good, encoding="utf-8") as file:
            text = file.read()
        lines = text.count("\n")
        for line, patterns in (
                ("notifier:\n  colour: red", ("line %d," % (lines + 2), r"notifier\.colour", "no known option")),
                ("notifier:\n  commit_frames: many", ("line %d," % (lines + 2), "commit_frames", "1",
                                                      "1024")),
                ("notifier:\n  commit_frames: 5000", ("line %d," % (lines + 2), "commit_frames",
                                                      "1024")),
                ("notifier:\n  store_max_bytes: 1", ("line %d," % (lines + 2), "67108864")),
                ("mail:\n  require_tls: perhaps", ("line %d," % (lines + 2), "require_tls", "yes")),
                ("rules:\n  verify_days: [1, 2]", ("line %d," % (lines + 2), "verify_days")),
                ("nonsense: 1", ("line %d," % (lines + 1), "nonsense")),
                ("  - : }{", (r"line \d+",))):
            bad = os.path.join(w.top, "bad.yaml")
            with open(bad, "w", encoding="utf-8") as file:
                file.write(text + line + "\n")
            refused(w, "notifier", "notifier", 2, "bad.yaml", *patterns, config=bad)
        for section, key, program, instance in (
                ("matchers:\n", "    adress: tcp://127.0.0.1:1\n", "matcher", "matcher-1"),
                ("collectors:\n", "    scan_host: 7\n", "collector", "office")):
            at = text.index("    ", text.index("  - name:", text.index(section)))
            bad = os.path.join(w.top, "bad.yaml")
            with open(bad, "w", encoding="utf-8") as file:
                file.write(text[:at] + key + text[at:])
            refused(w, program, instance, 2, "bad.yaml", r"line \d+, key", key.split(":")[0].strip(),
                    config=bad)
        refused(w, "notifier", "notifier", 2, "nowhere.yaml",
                config=os.path.join(w.top, "nowhere.yaml"))


def keys_that_are_missing_or_open_to_others_stop_a_daemon():
    with World("--collector", "office:group") as w:
        for program, instance, name in (("notifier", "notifier", "ledger"),
                                        ("matcher", "matcher-1", "matcher-1"),
                                        ("collector", "office", "office")):
            path = w.key(name)
            os.chmod(path, 0o644)
            got, said = run(w, program, instance)
            check(got in (2, 3) and name + ".key" in said and "600" in said,
                  f"{instance} with an open key: {got}\n{said}")
            os.chmod(path, 0o600)
            os.rename(path, path + ".away")
            got, said = run(w, program, instance)
            check(got in (2, 3) and name + ".key" in said,
                  f"{instance} without a key: {got}\n{said}")
            with open(path, "w", encoding="utf-8") as file:
                file.write("zhengban-key: 1\nid: 00\n")
            os.chmod(path, 0o600)
            got, said = run(w, program, instance)
            check(got in (2, 3) and name + ".key" in said,
                  f"{instance} with a damaged key: {got}\n{said}")
            os.rename(path + ".away", path)
        # A key of another role is enrolled, but not for this.
        os.rename(w.slip("ledger"), w.slip("ledger") + ".away")
        for program, instance in (("matcher", "matcher-1"), ("collector", "office")):
            got, said = run(w, program, instance)
            check(got in (2, 3) and "ledger.slip" in said,
                  f"{instance} without the ledger's slip: {got}\n{said}")
        os.rename(w.slip("ledger") + ".away", w.slip("ledger"))
        refused(w, "matcher", "matcher-9", 2, "matcher-9", "matchers")
        refused(w, "collector", "nobody", 2, "nobody", "collectors")


def a_port_in_use_is_said():
    with World("--collector", "office:group") as w:
        with open(os.path.join(w.path, "config.yaml"), encoding="utf-8") as file:
            ports = [int(p) for p in re.findall(r"tcp://127\.0\.0\.1:(\d+)", file.read())]
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", ports[0]))
            taken.listen()
            refused(w, "notifier", "notifier", 3, str(ports[0]), "use")
        w.start("notifier")
        refused(w, "notifier", "notifier", 3, "already")
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", ports[1]))
            taken.listen()
            refused(w, "matcher", "matcher-1", 3, str(ports[1]), "use")
        w.tested()


if __name__ == "__main__":
    sys.exit(main(a_wrong_configuration_is_refused_with_line_and_remedy,
                  keys_that_are_missing_or_open_to_others_stop_a_daemon, a_port_in_use_is_said))
