"""protocol - the wire's words for hostile peers, spelled out by hand as proto/README.md draws them.

A Peer is one end of a link (peer.c) under a key of the test's choice; what it says need not be true.
A Stream signs batches as a collector would, or as one must not.
"""
import os
import queue
import struct
import subprocess
import sys
import threading
import time

from daemons import BINARY, SOURCE, Broken

sys.path.insert(0, os.path.join(SOURCE, "proto", "vectors"))
from check import Message, encode_varint, hash128, hash256, run, signed  # noqa: E402

HELLO, BUSY, REFUSED, BATCH, FORWARD, SETTLED = 1, 5, 6, 10, 11, 12
RESUME, RESUMED, JUDGE, VERDICTS = 13, 14, 20, 21
REGISTRY_PULL, REGISTRY, REFUSALS, COMMAND, COMMAND_RESULT, FEED_PULL = 30, 31, 32, 40, 41, 50
ROLE = {"collector": 1, "matcher": 2, "ledger": 3, "official": 4}
REASON = ("NONE", "UNKNOWN_KEY", "REVOKED_KEY", "WRONG_ROLE", "OUTSIDE_SUBTREE", "BAD_SIGNATURE",
          "BAD_FRAME", "BAD_DIGEST", "FORKED", "SIMULATED", "UNKNOWN_UNIT", "NO_RIGHT", "BAD_STATE",
          "NOT_FOUND", "INVALID", "TOO_LARGE", "QUARANTINED", "KEY_MISMATCH", "NO_CREDIT")
OUTCOME = ("NONE", "APPLIED", "REFUSED", "NEED_FULL", "NEED_ROWS", "STALE", "LEDGER_BEHIND")
FREE, PROHIBITED, COMMERCIAL = 3, 6, 1


def pack(fields):
    """A protobuf message from {number: int, bytes, str, or a list of them}."""
    out = b""
    for number, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                if value != 0:
                    out += encode_varint(number << 3) + encode_varint(value & (1 << 64) - 1)
                continue
            value = value.encode() if isinstance(value, str) else value
            if value or isinstance(values, list):
                out += encode_varint(number << 3 | 2) + encode_varint(len(value)) + value
    return out


def canonical_row(name, vendor="", source="arp"):
    out = b"\1"
    for tag, value in ((1, source), (2, name), (3, vendor)):
        if value:
            out += bytes([tag]) + run(value)
    return out


class Peer:
    def __init__(self, world, key, server, port, role, catalogue=b"", takes_judge=False):
        hello = pack({1: 1, 2: ROLE[role], 4: [catalogue] if catalogue else [],
                      5: int(takes_judge)})
        self.world = world
        self.tag = 0
        self.said = queue.Queue()
        self.kept = []
        self.process = subprocess.Popen(
            [os.path.join(BINARY, "tests", "test_peer"), world.key(key), world.slip(server),
             f"tcp://127.0.0.1:{port}", hello.hex()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        world.peers.append(self)

    def _read(self):
        for line in self.process.stdout:
            self.said.put(line.rstrip("\n").split(" ", 2))

    def _tell(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()

    def wait(self, wanted, what, seconds=15):
        """The first word from the peer for which wanted(words) holds; the others are kept."""
        for i, words in enumerate(self.kept):
            if wanted(words):
                return self.kept.pop(i)
        end = time.monotonic() + seconds
        while True:
            try:
                words = self.said.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise Broken(f"waited {seconds} s for {what}; heard {self.kept[-3:]}") from None
            if wanted(words):
                return words
            self.kept.append(words)

    def up(self):
        self.wait(lambda w: w[0] == "up", "the link to be up")
        return self

    def down(self, seconds=15):
        return " ".join(self.wait(lambda w: w[0] == "down", "the link to go down", seconds)[1:])

    def sign(self, key, purpose, data):
        self._tell("sign", self.world.key(key), purpose, data.hex())
        return bytes.fromhex(self.wait(lambda w: w[0] == "signed", "a signature")[1])

    def send(self, kind, payload):
        self._tell("send", kind, payload.hex())
        return int(self.wait(lambda w: w[0] == "sent", "the frame to be sent")[1])

    def frame(self, kind, seconds=15):
        words = self.wait(lambda w: w[0] == "frame" and int(w[1]) == kind, f"frame {kind}", seconds)
        return Message(bytes.fromhex(words[2]))

    def ask(self, kind, fields, seconds=15):
        """Sends a request and returns (frame type, message) of the answer to its tag."""
        self.tag += 1
        r = self.send(kind, pack(fields(self.tag)))
        if r != 0:
            raise Broken(f"frame {kind} was not sent: {r}")

        def mine(words):
            return (words[0] == "frame" and int(words[1]) not in (JUDGE,) and
                    Message(bytes.fromhex(words[2])).number(1) == self.tag)
        words = self.wait(mine, f"the answer to frame {kind}", seconds)
        return int(words[1]), Message(bytes.fromhex(words[2]))

    # ---- as a matcher, to the ledger ----

    def forward(self, batch, verdicts=()):
        return outcome(self.ask(FORWARD, lambda tag: {1: tag, 2: batch, 3: list(verdicts)}))

    # ---- as a collector, to a matcher ----

    def report(self, batch):
        return outcome(self.ask(BATCH, lambda tag: {**batch, 7: tag}))

    def command(self, body, signature):
        kind, message = self.ask(COMMAND, lambda tag: {1: tag, 2: body, 3: signature}, 30)
        if kind == REFUSED:
            return REASON[message.number(2)], message.text(3)
        if kind != COMMAND_RESULT:
            raise Broken(f"frame {kind} answers a command")
        return REASON[message.number(2)], message.text(3)

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)
        self.reader.join(10)
        self.process.stdout.close()
        return self.process.returncode


def outcome(answer):
    """What a batch got: "APPLIED", "REFUSED SIMULATED" (settled), "refused BAD_FRAME", "busy"."""
    kind, message = answer
    if kind == BUSY:
        return "busy"
    if kind == REFUSED:
        return "refused " + REASON[message.number(2)]
    if kind != SETTLED:
        raise Broken(f"frame {kind} answers a batch")
    words = set()
    for one in Message(message.bytes(2)).list(6):
        one = Message(one)
        words.add(OUTCOME[one.number(3)] +
                  (" " + REASON[one.number(4)] if one.number(4) else ""))
    return ", ".join(sorted(words))


class Stream:
    """Reports of one producer, in its order."""

    def __init__(self, world, key, signer=None):
        self.world = world
        self.key = key
        self.signer = signer or key
        self.producer = bytes.fromhex(world.slip_field(key, "id"))
        self.ledger = bytes.fromhex(world.slip_field("ledger", "id"))
        self.sequence = 1
        self.floor = 1

    def batch(self, peer, unit, rows, **lies):
        """The fields of one Batch with one event. Lies: sequence, simulated, producer, epoch,
        send_rows (other contents than were signed), endpoint, scan_ms."""
        sequence = lies.get("sequence", self.sequence)
        ids = sorted((hash128(r), r) for r in rows)
        items = b"".join(i + bytes(16) for i, _ in ids)
        result = hash256(b"\1" + struct.pack(">I", len(ids)) + items)
        event = pack({1: sequence, 2: unit, 3: lies.get("endpoint", hash128(b"computer")), 4: 1,
                      5: result, 8: lies.get("scan_ms", self.world.now_ms()),
                      9: [pack({1: "csv", 2: 1})], 10: 1})
        header = pack({1: 1, 2: 1, 3: lies.get("producer", self.producer),
                       4: lies.get("epoch", 1), 5: self.floor, 6: lies.get("chain", bytes(32)),
                       7: [event], 8: int(lies.get("simulated", self.world.simulated)),
                       9: self.ledger})
        if "sequence" not in lies:
            self.sequence += 1
        sets = pack({1: result, 2: [pack({1: "csv", 2: b"".join(i for i, _ in ids),
                                          3: bytes(16 * len(ids))})]})
        return {1: header, 2: peer.sign(self.signer, "batch", header),
                3: list(lies.get("send_rows", rows)), 4: [sets]}


def verdict(row, catalogue, licence_class, product, grade=3):
    return pack({1: hash128(row), 2: catalogue, 3: licence_class, 4: grade, 5: product,
                 6: "lie:1", 9: "office"})


def command_body(world, actor, verb, arguments, identity=None, **lies):
    return pack({1: 1, 2: identity or os.urandom(16),
                 3: bytes.fromhex(world.slip_field(actor, "id")), 4: world.now_ms(), 5: verb,
                 6: [pack({1: k, 2: v}) for k, v in arguments.items()],
                 7: lies.get("attachment", b""),
                 8: lies.get("ledger", bytes.fromhex(world.slip_field("ledger", "id")))})
