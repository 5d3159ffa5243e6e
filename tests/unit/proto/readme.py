#!/usr/bin/env python3
"""Holds proto/README.md against the code: every message, field and enum value of wire.proto stands in
a table with its number and type, and every frame type of frame.h with its number."""

import os
import re
import sys


def from_proto(path):
    """Name of a message or enum → set of (number, name, type)."""
    found, current = {}, None
    for line in open(path, encoding="utf-8"):
        head = re.match(r"(message|enum) (\w+) {", line)
        if head:
            current = found.setdefault(head[2], set())
        elif line.startswith("}"):
            current = None
        elif current is not None:
            field = re.match(r"\s+(?:((?:repeated )?\w+) )?(\w+) = (\d+);", line)
            if field:
                current.add((int(field[3]), field[2], field[1] or ""))
    return found


def from_readme(path):
    """The same from section 9, and the frame types of section 1 as (number, name)."""
    found, current, frames = {}, None, set()
    for line in open(path, encoding="utf-8"):
        head = re.match(r"### (\w+)(?: \(enum\))?$", line.rstrip())
        field = re.match(r"\| (\d+) \| `(\w+)` \| ([\w ]+) \|", line)
        value = re.match(r"\| (\d+) \| ([A-Z][A-Z0-9_]+) \|", line)
        if line.startswith("#"):
            current = found.setdefault(head[1], set()) if head else None
        elif field and current is not None:
            current.add((int(field[1]), field[2], field[3]))
        elif value and current is not None:
            current.add((int(value[1]), value[2], ""))
            frames.add((int(value[1]), value[2]))
    return {name: rows for name, rows in found.items() if rows}, frames


def main():
    root = os.environ.get("ZB_SOURCE_DIR", ".")
    proto = from_proto(os.path.join(root, "proto/wire.proto"))
    readme, frames = from_readme(os.path.join(root, "proto/README.md"))
    header = open(os.path.join(root, "proto/frame.h"), encoding="utf-8").read()
    wanted = {(int(n), name) for name, n in re.findall(r"\bFRAME_([A-Z_]+) = (\d+),", header)}
    wanted -= {(8, "HEAD_BYTES")}
    faults = [f"frame type {name} = {number}" for number, name in sorted(wanted - frames)]
    for name in sorted(set(proto) | set(readme)):
        missing = proto.get(name, set()) - readme.get(name, set())
        faults += [f"{name}: {row} is missing in the README" for row in sorted(missing)]
        if name in proto or name != "Types":
            extra = readme.get(name, set()) - proto.get(name, set())
            faults += [f"{name}: {row} is only in the README" for row in sorted(extra)]
    for fault in faults:
        print(fault)
    print(f"{len(proto)} messages and enums, {len(wanted)} frame types, {len(faults)} faults")
    return 1 if faults or not proto or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
