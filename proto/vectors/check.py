#!/usr/bin/env python3
"""Recomputes every golden vector from its readable inputs, with Python's standard library alone.

An implementation independent of the C code: canonical bytes, ids, digests, chains, key ids and the
digests under signatures come from proto/README.md as written; protobuf messages are decoded by
hand. Ed25519 is checked with the openssl command, zstd with the zstd command, where they exist; what
is skipped is said. Exit status 0: all agree; 1: something differs.

usage: check.py [folder with the vectors]
"""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile

FORMAT_VERSION = 1
PURPOSES = {"batch", "settled", "resume", "resumed", "registry", "command"}


# ---- files ----------------------------------------------------------------------------------------


def read_cases(path):
    """A list of cases; a case maps a name to the list of its values."""
    cases = []
    with open(path, encoding="utf-8", newline="") as file:
        for line in file.read().split("\n"):
            if line.startswith("# "):
                cases.append({"title": [line[2:]]})
            elif line:
                name, _, value = line.partition(" =")
                cases[-1].setdefault(name, []).append(value[1:])
    return cases


def text(case, name):
    return case[name][0]


def number(case, name):
    return int(case[name][0])


def hexed(case, name):
    return bytes.fromhex(case[name][0])


# ---- hashes and layouts ---------------------------------------------------------------------------


def hash128(data):
    return hashlib.blake2b(data, digest_size=16).digest()


def hash256(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def run(data):
    """A run behind its length."""
    if isinstance(data, str):
        data = data.encode()
    return struct.pack(">I", len(data)) + data


def canonical(case, repeated_tag):
    out = bytes([FORMAT_VERSION])
    for tag in range(1, 32):
        values = [value.encode() for value in case.get(f"field.{tag}", [])]
        if tag == repeated_tag:
            values = sorted(set(values))
        for value in values:
            out += bytes([tag]) + run(value)
    return out


def event_digest(case):
    out = hexed(case, "producer")
    out += struct.pack(">QQ", number(case, "epoch"), number(case, "sequence"))
    out += run(text(case, "unit")) + run(hexed(case, "endpoint"))
    sources = case.get("source", [])
    out += struct.pack(">qI", number(case, "scan_ms"), len(sources))
    for source in sources:
        name, _, complete = source.rpartition(":")
        out += run(name) + bytes([int(complete)])
    out += bytes([number(case, "final")])
    out += run(hexed(case, "result_digest")) + run(hexed(case, "facts_digest"))
    return hash256(out)


def key_id(public):
    return hash128(b"zhengban key" + public)


# ---- protobuf by hand -----------------------------------------------------------------------------


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def decode(data):
    """Field number → list of values: numbers, or bytes for what is length-prefixed."""
    fields, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
            assert len(value) == size, "cut off"
        else:
            raise AssertionError(f"wire type {key & 7} is not in use")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def encode_varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def signed(value):
    return value - (1 << 64) if value >> 63 else value


class Message:
    """Decoded fields with proto3's defaults."""

    def __init__(self, data):
        self.fields = decode(data)

    def number(self, field):
        return self.fields.get(field, [0])[0]

    def bytes(self, field):
        return self.fields.get(field, [b""])[0]

    def text(self, field):
        return self.bytes(field).decode()

    def list(self, field):
        return self.fields.get(field, [])


# ---- checks ---------------------------------------------------------------------------------------


class Checker:
    def __init__(self):
        self.done = 0
        self.wrong = []
        self.skipped = set()
        self.openssl = shutil.which("openssl")
        self.zstd = shutil.which("zstd")

    def same(self, where, got, want):
        self.done += 1
        if got != want:
            show = [v.hex() if isinstance(v, bytes) else v for v in (got, want)]
            self.wrong.append(f"{where}: computed {show[0]}, the vector says {show[1]}")

    def signature(self, where, case):
        """The signature is Ed25519 over a digest of purpose and bytes; a changed one is not."""
        purpose = text(case, "purpose")
        self.same(f"{where}: purpose is known", purpose in PURPOSES, True)
        message = hash256(b"zhengban" + purpose.encode() + b"\0" + hexed(case, "bytes"))
        if self.openssl is None:
            self.skipped.add("Ed25519 (no openssl command)")
            return
        signature, public = hexed(case, "signature"), hexed(case, "public")
        self.same(f"{where}: signature", self.ed25519(public, message, signature), True)
        other = hash256(b"zhengbanother\0" + hexed(case, "bytes"))
        self.same(f"{where}: other purpose", self.ed25519(public, other, signature), False)

    def ed25519(self, public, message, signature):
        # RFC 8410: a fixed head before the 32 bytes of the key.
        der = bytes.fromhex("302a300506032b6570032100") + public
        with tempfile.TemporaryDirectory() as folder:
            paths = {}
            for name, data in (("key", der), ("message", message), ("signature", signature)):
                paths[name] = os.path.join(folder, name)
                with open(paths[name], "wb") as file:
                    file.write(data)
            command = [self.openssl, "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER"]
            command += ["-inkey", paths["key"], "-in", paths["message"]]
            command += ["-sigfile", paths["signature"]]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0


def check_row(c, case, where):
    c.same(f"{where}: canonical", canonical(case, 10), hexed(case, "canonical"))
    c.same(f"{where}: id", hash128(hexed(case, "canonical")), hexed(case, "id"))


def check_facts(c, case, where):
    c.same(f"{where}: canonical", canonical(case, 14), hexed(case, "canonical"))
    c.same(f"{where}: id", hash128(hexed(case, "canonical")), hexed(case, "id"))


def check_evidence(c, case, where):
    parts = [text(case, name) for name in ("path", "installed_on", "scope")]
    got = hash128(b"".join(run(part) for part in parts)) if any(parts) else bytes(16)
    c.same(where, got, hexed(case, "id"))


def check_result(c, case, where):
    items = {bytes.fromhex(item.replace(":", "")) for item in case.get("item", [])}
    out = bytes([FORMAT_VERSION]) + struct.pack(">I", len(items)) + b"".join(sorted(items))
    c.same(where, hash256(out), hexed(case, "digest"))


def check_event(c, case, where):
    digest = event_digest(case)
    c.same(f"{where}: digest", digest, hexed(case, "digest"))
    c.same(
        f"{where}: chain", hash256(hexed(case, "chain_before") + digest), hexed(case, "chain_after")
    )


def check_endpoint(c, case, where):
    got = hash128(hexed(case, "salt") + text(case, "device").encode())
    c.same(where, got, hexed(case, "id"))


def check_key(c, case, where):
    c.same(where, key_id(hexed(case, "public")), hexed(case, "id"))


def check_batch_header(c, case, where):
    m = Message(hexed(case, "bytes"))
    c.same(f"{where}: format", m.number(1), number(case, "format"))
    c.same(f"{where}: algorithm", m.number(2), number(case, "algorithm"))
    c.same(f"{where}: producer", m.bytes(3), hexed(case, "producer"))
    c.same(f"{where}: producer's key", key_id(hexed(case, "public")), hexed(case, "producer"))
    c.same(f"{where}: epoch", m.number(4), number(case, "epoch"))
    c.same(f"{where}: floor", m.number(5), number(case, "floor"))
    c.same(f"{where}: chain", m.bytes(6), hexed(case, "chain"))
    c.same(f"{where}: ledger", m.bytes(9), hexed(case, "ledger"))
    event = Message(m.bytes(7))
    c.same(f"{where}: sequence", event.number(1), number(case, "sequence"))
    c.same(f"{where}: unit", event.text(2), text(case, "unit"))
    c.same(f"{where}: endpoint", event.bytes(3), hexed(case, "endpoint"))
    c.same(f"{where}: result", event.bytes(5), hexed(case, "result_digest"))
    c.same(f"{where}: facts", event.bytes(7), hexed(case, "facts_digest"))
    c.same(f"{where}: scan", signed(event.number(8)), number(case, "scan_ms"))
    sources = [Message(source) for source in event.list(9)]
    c.same(f"{where}: sources", [f"{s.text(1)}:{s.number(2)}" for s in sources], case["source"])
    c.same(f"{where}: final", event.number(10), number(case, "final"))
    c.same(f"{where}: event digest", event_digest(case), hexed(case, "digest"))
    c.signature(where, case)


def check_settlement(c, case, where):
    m = Message(hexed(case, "bytes"))
    c.same(f"{where}: algorithm", m.number(1), number(case, "algorithm"))
    c.same(f"{where}: producer", m.bytes(2), hexed(case, "producer"))
    c.same(f"{where}: epoch", m.number(3), number(case, "epoch"))
    c.same(f"{where}: floor", m.number(4), number(case, "floor"))
    c.same(f"{where}: chain", m.bytes(5), hexed(case, "chain"))
    outcomes = [Message(outcome) for outcome in m.list(6)]
    shown = [f"{o.number(1)}:{o.number(3)}:{o.bytes(2).hex()}" for o in outcomes]
    c.same(f"{where}: outcomes", shown, case["outcome"])
    c.same(f"{where}: rows", outcomes[-1].list(5), [hexed(case, "needs")])
    c.same(f"{where}: time", signed(m.number(7)), number(case, "settled_ms"))
    c.signature(where, case)


def check_resume(c, case, where):
    m = Message(hexed(case, "bytes"))
    c.same(f"{where}: algorithm", m.number(1), number(case, "algorithm"))
    c.same(f"{where}: producer", m.bytes(2), hexed(case, "producer"))
    if "behind" in case:
        got = (m.bytes(3), m.number(4), m.number(5), m.bytes(6), m.number(7))
        want = (hexed(case, "nonce"), number(case, "epoch"), number(case, "floor"))
        want += (hexed(case, "chain"), number(case, "behind"))
    else:
        got = (m.number(3), m.number(4), m.number(5), m.bytes(6), m.bytes(7), m.bytes(8))
        want = (number(case, "epoch"), number(case, "highest"), number(case, "floor"))
        want += (hexed(case, "chain"), hexed(case, "nonce"), hexed(case, "ledger"))
    c.same(f"{where}: fields", got, want)
    c.signature(where, case)


def check_registry(c, case, where):
    m = Message(hexed(case, "bytes"))
    got = (m.number(1), m.number(2), m.number(3), m.bytes(4), m.bytes(6), m.number(8))
    want = tuple(number(case, name) for name in ("algorithm", "version", "issued_ms"))
    want += (hexed(case, "ledger_key"), hexed(case, "active_catalogue"), number(case, "simulated"))
    c.same(f"{where}: fields", got, want)
    key, unit = Message(m.bytes(5)), Message(m.bytes(7))
    got = (key.bytes(1), key.number(2), key.bytes(3), key.bytes(4), key.text(5), key.number(6))
    want = (hexed(case, "key.id"), number(case, "key.role"), hexed(case, "key.sign_public"))
    want += (hexed(case, "key.link_public"), text(case, "key.unit"), number(case, "key.state"))
    c.same(f"{where}: key", got, want)
    c.same(f"{where}: label", key.text(7), text(case, "key.label"))
    c.same(f"{where}: enrolled", key.number(8), number(case, "key.enrolled_ms"))
    c.same(f"{where}: key id", key_id(key.bytes(3)), key.bytes(1))
    c.same(f"{where}: unit", unit.text(1), text(case, "unit.id"))
    c.same(f"{where}: parent", unit.text(2), text(case, "unit.parent"))
    c.signature(where, case)


def check_command(c, case, where):
    m = Message(hexed(case, "bytes"))
    argument = Message(m.bytes(6))
    got = (m.number(1), m.bytes(2), m.bytes(3), m.number(4), m.text(5), m.bytes(7), m.bytes(8))
    want = (number(case, "algorithm"), hexed(case, "id"), hexed(case, "actor"))
    want += (number(case, "issued_ms"), text(case, "verb"), hexed(case, "attachment"))
    want += (hexed(case, "ledger"),)
    c.same(f"{where}: fields", got, want)
    c.same(f"{where}: argument", argument.text(1), text(case, "argument.name"))
    c.same(f"{where}: value", argument.text(2), text(case, "argument.value"))
    c.signature(where, case)


def check_head(c, case, where, codec):
    frame, payload = hexed(case, "frame"), hexed(case, "payload")
    head = bytes([1, number(case, "type"), codec, 0]) + struct.pack(">I", len(payload))
    c.same(f"{where}: head", frame[:8], head)
    return frame[8:], payload


def check_frames(c, case, where):
    coded, payload = check_head(c, case, where, 0)
    c.same(f"{where}: payload", coded, payload)
    again = b""
    for field, values in sorted(decode(payload).items()):
        for value in values:
            if isinstance(value, int):
                again += encode_varint(field << 3) + encode_varint(value)
            else:
                again += encode_varint(field << 3 | 2) + encode_varint(len(value)) + value
    c.same(f"{where}: payload decoded and encoded", again, payload)


def check_frame_zstd(c, case, where):
    coded, payload = check_head(c, case, where, 1)
    if c.zstd is None:
        c.skipped.add("zstd (no zstd command)")
        return
    done = subprocess.run([c.zstd, "-dc"], input=coded, capture_output=True, check=False)
    c.same(f"{where}: payload", done.stdout, payload)


CHECKS = {
    "row": check_row,
    "facts": check_facts,
    "evidence": check_evidence,
    "result": check_result,
    "event": check_event,
    "endpoint": check_endpoint,
    "key": check_key,
    "batch_header": check_batch_header,
    "settlement": check_settlement,
    "resume": check_resume,
    "registry": check_registry,
    "command": check_command,
    "frames": check_frames,
    "frame_zstd": check_frame_zstd,
}


def main(argv):
    folder = argv[1] if len(argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    c = Checker()
    found = {name[:-4] for name in os.listdir(folder) if name.endswith(".txt")}
    c.same("files", sorted(found), sorted(CHECKS))
    for name in sorted(found & set(CHECKS)):
        cases = read_cases(os.path.join(folder, name + ".txt"))
        c.same(f"{name}.txt has cases", len(cases) > 0, True)
        for case in cases:
            where = f"{name}.txt, {case['title'][0]}"
            try:
                CHECKS[name](c, case, where)
            except (AssertionError, LookupError, ValueError) as fault:
                c.wrong.append(f"{where}: {type(fault).__name__}: {fault}")
    for what in sorted(c.skipped):
        print(f"skipped: {what}")
    for what in c.wrong:
        print(f"wrong: {what}")
    print(f"{c.done} values checked, {len(c.wrong)} wrong")
    return 1 if c.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
