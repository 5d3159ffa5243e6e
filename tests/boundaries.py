#!/usr/bin/env python3
"""boundaries.py - who may include whom (docs/design.md, "Layout and who may include whom").

    tests/boundaries.py [ROOT]        checks the tree; exit 0 clean, 1 with one line per fault
    tests/boundaries.py --self-test   plants one violation of each rule in a scratch tree and
                                      demands that each is found

Reads only text; needs nothing but python3-minimal. Comments and string literals do not count.
"""
import os
import re
import shutil
import sys
import tempfile

LIBRARIES = ["base", "proto", "bus", "store", "ledger"]
DAEMONS = ["collector", "matcher", "notifier", "console"]

# folder: (folders it may include beside itself, third-party headers it may include).
# None: any third-party header, save those that belong to one folder (OWNED).
MAY = {
    "base": ([], ["sodium.h", "sodium/", "yaml.h"]),
    "proto": (["base"], ["protobuf-c/", "zstd.h", "zdict.h", "zstd_errors.h"]),
    "bus": (["base", "proto"], ["zmq.h"]),
    "store": (["base", "proto"], ["lmdb.h"]),
    "ledger": (["base", "proto"], []),
    "cli": (LIBRARIES + DAEMONS, None),
}
MAY.update({daemon: (LIBRARIES, None) for daemon in DAEMONS})

# What never leaves a folder: headers, identifiers, the folder, and the tests that share its right.
OWNED = [
    (["lmdb.h"], re.compile(r"\b(?:MDB_\w+|mdb_\w+)"), "store",
     ["tests/unit/store/", "tests/bench/"]),
    (["zmq.h", "zmq_utils.h", "czmq.h"], re.compile(r"\b(?:ZMQ_\w+|zmq_\w+)"), "bus",
     ["tests/unit/bus/", "tests/integration/bus/", "tests/bench/"]),
]

# The ledger is pure: data and time in, data out.
IMPURE_HEADERS = ["base/clock.h", "base/log.h", "base/file.h", "base/daemon.h"]
IMPURE_SYSTEM = re.compile(
    r"(?:unistd|fcntl|dirent|poll|netdb|signal|pthread|semaphore|syslog|termios|locale|libintl|"
    r"threads)\.h|(?:sys/(?!types\.h|param\.h|cdefs\.h|queue\.h)|net/|netinet/|arpa/|linux/).*")
IMPURE_WORDS = re.compile(
    r"\bFILE\b|\b(?:stdin|stdout|stderr)\b|"
    r"(?<![.>\w])(?:v?[fd]?printf|puts|fputs|fputc|putchar|perror|fopen|fdopen|freopen|fread|fwrite|fgets|"
    r"fclose|fflush|remove|rename|tmpfile|mkstemp|mkdtemp|popen|system|open|openat|read|write|"
    r"close|socket|time|clock|clock_gettime|gettimeofday|timespec_get|localtime|localtime_r|"
    r"mktime|tzset|getenv|secure_getenv|setenv|rand|srand|random|arc4random|getrandom|"
    r"randombytes_buf|sleep|usleep|nanosleep|fork)\s*\(")

# Everything that is not third party. An unknown <header> counts as third party, so a new
# library must be allowed here in sight of a reviewer.
LIBC = set("""aio alloca argp argz arpa/ assert byteswap complex ctype dirent dlfcn elf endian err
errno error execinfo fcntl features fenv float fnmatch getopt glob grp iconv ifaddrs inttypes iso646
langinfo libgen libintl limits link linux/ locale malloc math memory mntent mqueue net/ netdb
netinet/ nl_types obstack paths poll printf pthread pwd regex sched search semaphore setjmp signal
spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings sys/
sysexits syslog tar termios threads time uchar ucontext unistd utime utmpx wait wchar wctype
wordexp""".split())

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:<([^>\n]+)>|"([^"\n]+)")', re.M)
STRIP = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match):
    """Keeps line numbers: what is stripped leaves its newlines (and the quotes of a string)."""
    text = match.group(0)
    return ('""' if text[0] == '"' else " ") + "\n" * text.count("\n")


def strip_comments(text):
    """Comments go, strings stay: an #include needs its quotes."""
    return STRIP.sub(lambda m: m.group(0) if m.group(0)[0] in "\"'" else blank(m), text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def is_libc(header):
    if "/" in header:
        return header.split("/")[0] + "/" in LIBC
    return header.endswith(".h") and header[:-2] in LIBC


def allowed(header, prefixes):
    return any(header == p or (p.endswith("/") and header.startswith(p)) for p in prefixes)


def folder_faults(folder, path, code):
    """Rules of the folder's row in MAY."""
    folders, third = MAY[folder]
    for m in INCLUDE.finditer(code):
        line = line_of(code, m.start(0))
        system, ours = m.group(1), m.group(2)
        if ours is not None:
            if ".." in ours.split("/"):
                yield line, f'"{ours}" climbs out of its folder; write the path from the top'
            elif "/" in ours:
                top = ours.split("/")[0]
                if top != folder and top not in folders:
                    may = ", ".join([folder] + folders)
                    yield line, f'{folder}/ includes "{ours}"; it may include only {may}'
        elif not is_libc(system) and third is not None and not allowed(system, third):
            may = ", ".join(third) or "nothing beyond libc"
            yield line, f"{folder}/ includes <{system}>; of third parties it may include {may}"


def ledger_faults(code, bare):
    for m in INCLUDE.finditer(code):
        header = m.group(2) or m.group(1)
        if header in IMPURE_HEADERS or (m.group(1) and IMPURE_SYSTEM.fullmatch(header)):
            yield line_of(code, m.start(0)), f"ledger/ is pure; {header} is input, output or a clock"
    for m in IMPURE_WORDS.finditer(bare):
        word = m.group(0).rstrip("( \t\n")
        yield line_of(bare, m.start(0)), f"ledger/ is pure; {word} is input, output, chance or a clock"


def owned_faults(path, code, bare):
    for headers, words, owner, tests in OWNED:
        if path.startswith(owner + "/") or any(path.startswith(t) for t in tests):
            continue
        for m in INCLUDE.finditer(code):
            if (m.group(1) or m.group(2)) in headers:
                yield line_of(code, m.start(0)), f"{m.group(1) or m.group(2)} never leaves {owner}/"
        for m in words.finditer(bare):
            yield line_of(bare, m.start(0)), f"{m.group(0)} never leaves {owner}/"


def link_faults(folder, text):
    """zb_<folder> in a CMakeLists.txt: linking is including by another door."""
    text = re.sub(r"#[^\n]*", "", text)
    for m in re.finditer(r"\bzb_([a-z]+)\b", text):
        other = m.group(1)
        if other in MAY and other != folder and other not in MAY[folder][0]:
            yield line_of(text, m.start(0)), f"{folder}/ links zb_{other}; it may not include {other}/"


def files(root):
    for top in sorted(os.listdir(root)):
        base = os.path.join(root, top)
        if top.startswith(".") or top == "build" or not os.path.isdir(base):
            continue
        for where, dirs, names in os.walk(base):
            dirs[:] = sorted(d for d in dirs if not d.startswith("."))
            for name in sorted(names):
                if name.endswith((".c", ".h")) or name == "CMakeLists.txt":
                    yield os.path.relpath(os.path.join(where, name), root).replace(os.sep, "/")


def check(root):
    """Returns (C files read, ["path:line: fault", ...])."""
    read, faults = 0, []
    for path in files(root):
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
            text = f.read()
        folder = path.split("/")[0]
        if path.endswith("CMakeLists.txt"):
            found = list(link_faults(folder, text)) if folder in MAY else []
        else:
            read += 1
            code = strip_comments(text)
            bare = STRIP.sub(blank, text)
            found = list(owned_faults(path, code, bare))
            if folder in MAY:
                found += folder_faults(folder, path, code)
            elif folder not in ("tests", "docs", "docker", "data"):
                found.append((1, f"{folder}/ has no row in MAY (tests/boundaries.py)"))
            if folder == "ledger":
                found += ledger_faults(code, bare)
        faults += [f"{path}:{line}: {fault}" for line, fault in sorted(found)]
    return read, faults


# path, contents, a piece of the fault expected (None: must be clean).
PLANTS = [
    ("base/a.c", '#include "proto/x.h"\n', "base/ includes"),
    ("base/a.c", "#include <zstd.h>\n", "of third parties"),
    ("base/a.c", "#include <sodium.h>\n#include <yaml.h>\n#include <stdio.h>\n", None),
    ("base/a.c", '#include "../proto/x.h"\n', "climbs out"),
    ("proto/a.h", '#include "bus/x.h"\n', "proto/ includes"),
    ("proto/a.h", '#include <zstd.h>\n#include "proto/wire.pb-c.h"\n#include "base/buf.h"\n', None),
    ("bus/a.c", '#include "store/x.h"\n', "bus/ includes"),
    ("bus/a.c", "#include <zmq.h>\nint f(void) { return zmq_errno(); }\n", None),
    ("bus/a.c", "#include <lmdb.h>\n", "lmdb.h never leaves"),
    ("store/a.c", '#include "ledger/x.h"\n', "store/ includes"),
    ("store/a.c", "#include <zmq.h>\n", "zmq.h never leaves"),
    ("store/a.c", "#include <lmdb.h>\nint rc = MDB_NOTFOUND;\n", None),
    ("ledger/a.c", '#include "base/clock.h"\n', "ledger/ is pure"),
    ("ledger/a.c", '#include "base/log.h"\n', "ledger/ is pure"),
    ("ledger/a.c", '#include "base/file.h"\n', "ledger/ is pure"),
    ("ledger/a.c", "#include <unistd.h>\n", "ledger/ is pure"),
    ("ledger/a.c", "#include <fcntl.h>\n", "ledger/ is pure"),
    ("ledger/a.c", "#include <sys/socket.h>\n", "ledger/ is pure"),
    ("ledger/a.c", "int f(void)\n{\n    return (int)time(NULL);\n}\n", "a.c:3: ledger/ is pure"),
    ("ledger/a.c", "void f(FILE *out);\n", "ledger/ is pure"),
    ("ledger/a.c", "void f(void) { printf(\"x\"); }\n", "ledger/ is pure"),
    ("ledger/a.c", '#include "store/x.h"\n', "ledger/ includes"),
    ("ledger/a.c", "#include <sodium.h>\n", "beyond libc"),
    ("ledger/a.c", '/* time(NULL) and FILE stay out */\n#include <stdio.h>\n#include "base/text.h"\n'
     'int f(char *s) { return snprintf(s, 9, "open(x)") + due_time(3) + view->read(s); }\n', None),
    ("collector/a.c", '#include "matcher/x.h"\n', "collector/ includes"),
    ("matcher/a.c", '#include "notifier/x.h"\n', "matcher/ includes"),
    ("notifier/a.c", '#include "collector/x.h"\n', "notifier/ includes"),
    ("notifier/a.c", '#include "cli/x.h"\n', "notifier/ includes"),
    ("notifier/a.c", '#include "ledger/x.h"\n#include <curl/curl.h>\n', None),
    ("notifier/a.c", "int rc = MDB_NOTFOUND;\n", "MDB_NOTFOUND never leaves"),
    ("cli/a.c", '#include "notifier/x.h"\n#include "collector/x.h"\n', None),
    ("cli/a.c", "int f(void) { return zmq_errno(); }\n", "zmq_errno never leaves"),
    ("cli/a.c", '/* MDB_FULL */ const char *s = "zmq_errno"; // mdb_put\n', None),
    ("tests/e2e/a.c", "#include <zmq.h>\n", "zmq.h never leaves"),
    ("tests/bench/a.c", "#include <zmq.h>\nint x = ZMQ_DEALER;\n", None),
    ("ledger/CMakeLists.txt", "zb_library(zb_ledger SOURCES a.c DEPS zb_store)\n", "links zb_store"),
    ("ledger/CMakeLists.txt", "zb_library(zb_ledger SOURCES a.c DEPS zb_proto)\n", None),
    ("novel/a.c", "int x;\n", "has no row"),
]


def self_test():
    wrong = 0
    for path, text, expected in PLANTS:
        root = tempfile.mkdtemp(prefix="zb-boundaries-")
        try:
            os.makedirs(os.path.join(root, os.path.dirname(path)))
            with open(os.path.join(root, path), "w", encoding="utf-8") as f:
                f.write(text)
            faults = check(root)[1]
        finally:
            shutil.rmtree(root)
        good = faults == [] if expected is None else any(expected in f for f in faults)
        if not good:
            wrong += 1
            print(f"self-test: {path}: {text!r}: expected {expected!r}, found {faults}")
    print(f"self-test: {len(PLANTS)} plants, {wrong} misjudged")
    return 1 if wrong else 0


def main(argv):
    if argv[1:] == ["--self-test"]:
        return self_test()
    if len(argv) > 2 or (len(argv) == 2 and argv[1].startswith("-")):
        print("usage: boundaries.py [ROOT] | --self-test", file=sys.stderr)
        return 2
    root = argv[1] if len(argv) == 2 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    read, faults = check(root)
    for fault in faults:
        print(fault)
    if read == 0:
        print(f"{root}: no C file found: is this the source folder?")
        return 1
    print(f"boundaries: {read} C files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
