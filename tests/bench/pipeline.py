#!/usr/bin/env python3
"""pipeline - settled events per second from spool to journal and back, beside a bare link.

One notifier, two matchers and one collector on this machine. Each load is spooled while the
collector is down; the time runs from its start until nothing is pending, so it holds the start, the
signature checks, the journal's syncs and the way back. CPU time is that of the processes.

  full       every computer is new, its rows mostly are not (200 rows out of 5,000)
  unchanged  the same computers again, nothing changed
  mixed      the same computers, every tenth with 5 rows changed

The floor is the same number of frames of the same size over an acknowledged CURVE link.
"""
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("ZB_BINARY_DIR", os.path.join(SOURCE, "build", "release"))
COMPUTERS = int(os.environ.get("ZB_BENCH_COMPUTERS", "4000"))
ROWS, DISTINCT = 200, 5000
RUNS = int(os.environ.get("ZB_BENCH_RUNS", "3"))
WAIT_MS = 300_000
TICKS = os.sysconf("SC_CLK_TCK")


def program(*names):
    return os.path.join(BINARY, *names)


def call(*words, check=True):
    done = subprocess.run(words, capture_output=True, text=True)
    if check and done.returncode != 0:
        sys.exit(f"bench: {' '.join(words)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Daemon:
    def __init__(self, home, name, instance):
        self.name, self.instance = name, instance
        self.path = os.path.join(home, "run", instance + ".json")
        log = open(os.path.join(home, "log", instance + ".log"), "ab")
        self.process = subprocess.Popen(
            [program("zhengban-" + name), "--home", home, "--instance", instance],
            stdout=log, stderr=log)
        end = time.monotonic() + 30
        while not os.path.exists(self.path):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"bench: {instance} did not become ready; see {log.name}")
            time.sleep(0.01)

    def cpu(self):
        return cpu_seconds(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def measure(home, daemons, events):
    """Starts the collector and waits for the spool to drain."""
    before = {d.instance: d.cpu() for d in daemons}
    started = time.monotonic()
    collector = Daemon(home, "collector", "load")
    waited = json.loads(call(program("bench", "spool_load"), "wait",
                             os.path.join(home, "spool", "load"), str(WAIT_MS)))
    seconds = time.monotonic() - started
    cpu = {d.instance: d.cpu() - before[d.instance] for d in daemons}
    cpu["load"] = collector.cpu()
    collector.stop()
    if waited["refused"] or waited["pending"]:
        sys.exit(f"bench: the load was not settled: {waited}")
    return {"events_per_s": events / seconds, "seconds": seconds,
            "cpu_us_per_event": {k: v * 1e6 / events for k, v in cpu.items()}}


def one_run(run):
    home = tempfile.mkdtemp(prefix="zhengban-bench-")
    shutil.rmtree(home)
    call(program("zhengban"), "--home", home, "init", "--name", "bench", "--unit", "group",
         "--unit-name", "Bench", "--matchers", "2", "--collector", "load:group")
    os.makedirs(os.path.join(home, "log"), exist_ok=True)
    spool = os.path.join(home, "spool", "load")
    os.makedirs(spool, exist_ok=True)
    daemons = [Daemon(home, "notifier", "notifier")]
    daemons += [Daemon(home, "matcher", f"matcher-{i}") for i in (1, 2)]

    def fill(first, count, seed, changed):
        call(program("bench", "spool_load"), "fill", spool, "group", str(first), str(count),
             str(ROWS), str(DISTINCT), str(seed), str(changed))

    result = {}
    fill(0, COMPUTERS, 1, 0)
    result["full"] = measure(home, daemons, COMPUTERS)
    fill(0, COMPUTERS, 1, 0)
    result["unchanged"] = measure(home, daemons, COMPUTERS)
    tenth = COMPUTERS // 10
    fill(0, tenth, 2 + run, 5)
    fill(tenth, COMPUTERS - tenth, 1, 0)
    result["mixed"] = measure(home, daemons, COMPUTERS)
    for daemon in reversed(daemons):
        daemon.stop()
    result["ledger_bytes"] = sum(
        os.path.getsize(os.path.join(home, "ledger", f)) for f in os.listdir(
            os.path.join(home, "ledger")))
    shutil.rmtree(home)
    return result


def bare_link(frames, size):
    floor = json.loads(call(program("bench", "bare_link"), str(frames), str(size), "64"))
    return floor["frames"] / floor["seconds"]


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="ascii")
                  if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release()}


def main():
    as_json = "--json" in sys.argv[1:]
    runs = [one_run(i) for i in range(RUNS)]
    # What a frame carries: 256 unchanged events in about 25 KiB, some 30 full ones in about 128 KiB.
    floors = {"unchanged": bare_link(4000, 25_000) * 256, "full": bare_link(2000, 128_000) * 30}
    out = {"bench": "pipeline", "machine": machine(), "runs": RUNS, "computers": COMPUTERS,
           "rows": ROWS, "distinct_rows": DISTINCT}
    for load in ("full", "unchanged", "mixed"):
        rates = [r[load]["events_per_s"] for r in runs]
        cpu = {k: round(statistics.median(r[load]["cpu_us_per_event"][k] for r in runs), 1)
               for k in runs[0][load]["cpu_us_per_event"]}
        floor = floors["full" if load == "full" else "unchanged"]
        rate = statistics.median(rates)
        out[load] = {"events_per_s": round(rate), "lowest": round(min(rates)),
                     "highest": round(max(rates)), "cpu_us_per_event": cpu,
                     "bare_link_events_per_s": round(floor), "ratio": round(rate / floor, 4)}
    out["ledger_bytes_per_computer"] = round(
        statistics.median(r["ledger_bytes"] for r in runs) / COMPUTERS)
    if as_json:
        print(json.dumps(out))
        return
    print(f"{out['machine']['cpu']}, {out['machine']['cores']} cores; median of {RUNS} runs, "
          f"{COMPUTERS} computers, {ROWS} rows each out of {DISTINCT}")
    for load in ("full", "unchanged", "mixed"):
        r = out[load]
        cpu = ", ".join(f"{k} {v:g}" for k, v in r["cpu_us_per_event"].items())
        print(f"{load:10} {r['events_per_s']:8,} events/s ({r['lowest']:,}-{r['highest']:,}); "
              f"{r['ratio']:.1%} of a bare link's {r['bare_link_events_per_s']:,}; "
              f"CPU us/event: {cpu}")


if __name__ == "__main__":
    main()
