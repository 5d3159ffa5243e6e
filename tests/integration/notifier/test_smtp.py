"""The mail channel against a real mail server that misbehaves at every step.

What must hold, whatever the server does: it has taken nothing before channel_release; SENT exactly
when it took the message and said so; FAILED only when it certainly took nothing; IN_DOUBT where
nobody can know; and no call of the channel waits.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = os.environ["ZB_SOURCE_DIR"]
DRIVER = os.path.join(os.environ["ZB_BINARY_DIR"], "tests", "test_smtp_driver")
sys.path.insert(0, os.path.join(SOURCE, "tests", "lib"))
from smtp_server import AuthResult, MailServer  # noqa: E402

PASSWORD = "corr3ct-h0rse"
HEADERS = b"From: <ledger@zhengban.test>\r\nTo: <li@unit.test>\r\nMessage-ID: <1@x.invalid>\r\n\r\n"
CONTENT = HEADERS + b"first\r\n.\r\n..\r\n.dot\r\nlast\r\n"
SLOWEST_MS = 900  # of one call; a stall lasts longer, a slow machine or a sanitizer does not
LONG_MS, SHORT_MS = 20000, 1500  # timeouts of a delivery
STEPS_BEFORE = ("banner", "ehlo", "mail", "rcpt", "data", "body")


class Driver:
    """The driver program, by lines."""

    def __init__(self, url, *options):
        self.process = subprocess.Popen([DRIVER, url, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        bufsize=1)
        self.said = []

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline().rstrip("\n")
        self.said.append(line)
        return line

    def end(self, hurried=True):
        """Asks it to stop; what it said last, as a list. Nothing may have been slow or leaked."""
        try:
            self.tell("quit")
        except BrokenPipeError:
            pass  # it refused its options and is gone
        out, err = self.process.communicate(timeout=30)
        rest = out.splitlines()
        self.said += rest
        assert self.process.returncode == 0, (self.process.returncode, err)
        assert err == "", err
        for line in rest:
            if line.startswith("SLOWEST ") and hurried:
                assert int(line.split()[1]) < SLOWEST_MS, "a call took %s ms" % line.split()[1]
        return rest


class Home:
    """Folders of one scenario."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="zb-test-smtp-")
        self.servers = 0
        self.mail = os.path.join(self.path, "message")
        with open(self.mail, "wb") as out:
            out.write(CONTENT)

    def server(self, **options):
        self.servers += 1
        return MailServer(store=os.path.join(self.path, "store%d" % self.servers), **options)

    def driver(self, server, *options, scheme="smtp", timeout=LONG_MS):
        return Driver("%s://127.0.0.1:%d" % (scheme, server.port), "timeout=%d" % timeout, *options)

    def submit(self, notice=1, to="li@unit.test", sender="ledger@zhengban.test"):
        return "submit %d %s %s %s" % (notice, sender, to, self.mail)


def expect(found, *wanted):
    assert any(found.startswith(one) for one in wanted), "%r, not %r" % (found, wanted)


def kept(server):
    """What the server took, checked byte by byte."""
    mails = server.accepted()
    for envelope, content in mails:
        assert content == CONTENT, content
        assert envelope["from"] == "ledger@zhengban.test", envelope
    return len(mails)


def send_one(home, server, *options, hurried=True, **more):
    """Submits one notice, releases it when it is ready; the last event."""
    driver = home.driver(server, *options, **more)
    driver.tell(home.submit())
    event = driver.hear()
    if event == "READY 1":
        assert kept(server) == 0, "taken before the release"
        driver.tell("release 1")
        event = driver.hear()
    driver.end(hurried)
    return event


# ---- scenarios: each takes its Home --------------------------------------------------------------

def holds_the_dot_until_the_release(home):
    with home.server() as server:
        driver = home.driver(server)
        driver.tell(home.submit())
        expect(driver.hear(), "READY 1")
        time.sleep(0.3)
        assert kept(server) == 0
        driver.tell("release 1")
        expect(driver.hear(), "SENT 1")
        driver.end()
        assert kept(server) == 1
        assert server.accepted()[0][0]["to"] == ["li@unit.test"]


def cancelling_before_the_release_leaves_nothing(home):
    with home.server() as server:
        driver = home.driver(server)
        driver.tell(home.submit())
        expect(driver.hear(), "READY 1")
        driver.tell("cancel 1")
        expect(driver.hear(), "CANCELLED 1")
        time.sleep(0.2)
        driver.tell(home.submit(2))  # the place is free again
        expect(driver.hear(), "READY 2")
        driver.tell("release 2")
        expect(driver.hear(), "SENT 2")
        assert not any(line.startswith("SENT 1") for line in driver.end())
        assert kept(server) == 1


def ending_while_held_leaves_nothing(home):
    with home.server() as server:
        driver = home.driver(server)
        driver.tell(home.submit())
        expect(driver.hear(), "READY 1")
        driver.end()
        time.sleep(0.2)
        assert kept(server) == 0


def killed_while_held_leaves_nothing(home):
    with home.server() as server:
        driver = home.driver(server)
        driver.tell(home.submit())
        expect(driver.hear(), "READY 1")
        driver.process.kill()
        driver.process.communicate(timeout=10)
        time.sleep(0.2)
        assert kept(server) == 0


def tells_a_refusal(step, answer, kind):
    def scenario(home):
        with home.server(faults={step: answer}) as server:
            event = send_one(home, server)
            expect(event, "FAILED 1 %s" % kind)
            assert answer in event, event
            assert kept(server) == 0
            assert server.fired, "the fault never came"
    return scenario


def a_line_broken_before_the_release_is_a_failure(step):
    def scenario(home):
        with home.server(faults={step: "close"}) as server:
            expect(send_one(home, server), "FAILED 1 temporary")
            assert kept(server) == 0
            assert server.fired, "the fault never came"
    return scenario


def a_line_broken_while_held_is_a_failure(home):
    with home.server(faults={"body": "close"}) as server:
        driver = home.driver(server)
        driver.tell(home.submit())
        event = driver.hear()
        if event == "READY 1":  # all was on its way before the server closed
            event = driver.hear()
        expect(event, "FAILED 1 temporary")
        driver.end()
        assert kept(server) == 0


def a_word_of_the_server_while_held_is_a_failure(home):
    with home.server(faults={"body": "close after 421 4.3.2 going down"}) as server:
        driver = home.driver(server)
        driver.tell(home.submit())
        event = driver.hear()
        if event == "READY 1":
            event = driver.hear()
        expect(event, "FAILED 1 temporary")
        driver.end()
        assert kept(server) == 0


def a_stall_before_the_release_is_a_failure_in_time(step):
    def scenario(home):
        with home.server(faults={step: "stall"}) as server:
            began = time.monotonic()
            driver = home.driver(server, timeout=SHORT_MS)
            driver.tell(home.submit())
            event = driver.hear()
            if event == "READY 1":  # body: the server reads, and says nothing
                assert step == "body"
                event = driver.hear()
            expect(event, "FAILED 1 temporary")
            took = time.monotonic() - began
            assert SHORT_MS / 1000 - 0.1 < took < SHORT_MS / 1000 + 3, took
            driver.end()
            assert kept(server) == 0
    return scenario


def nobody_knows(step, action, count):
    def scenario(home):
        with home.server(faults={step: action}) as server:
            expect(send_one(home, server, timeout=SHORT_MS), "IN_DOUBT 1")
            assert kept(server) == count
            assert server.fired == [(step, action)], server.fired
    return scenario


def a_server_that_is_not_there_is_a_failure(home):
    with home.server() as server:
        pass  # its port is free now
    expect(send_one(home, server), "FAILED 1 temporary")


def a_greylist_is_temporary_and_the_next_try_passes(home):
    with home.server(greylist=True) as server:
        driver = home.driver(server)
        driver.tell("release_all")
        driver.tell(home.submit(1))
        event = driver.hear()
        expect(event, "FAILED 1 temporary")
        assert "450 4.2.0 greylisted" in event, event
        driver.tell(home.submit(2))
        expect(driver.hear(), "READY 2")
        expect(driver.hear(), "SENT 2")
        driver.end()
        assert kept(server) == 1


def an_answer_cannot_steer_the_log(home):
    nasty = "550-first\r\n550 \x1b[31mred\x07 \u202eevil " + "x" * 900
    with home.server(faults={"rcpt": nasty.encode("utf-8").decode("latin-1")
                             .encode("ascii", "replace").decode("ascii")}) as server:
        event = send_one(home, server)
        expect(event, "FAILED 1 permanent 550 [31mred")
        assert event.isprintable() and event.isascii() and len(event) < 300, event


def an_answer_without_end_is_a_failure(home):
    with home.server(faults={"mail": "\r\n".join(["250-more"] * 4000)}) as server:
        expect(send_one(home, server), "FAILED 1 temporary the server's answer does not end")


def nonsense_is_a_failure_before_and_a_doubt_after(home):
    with home.server(faults={"data": "220 what"}) as server:
        expect(send_one(home, server), "FAILED 1 temporary")
        assert kept(server) == 0
    with home.server(faults={"dot": "354 what"}) as server:
        expect(send_one(home, server), "IN_DOUBT 1")


def several_at_once_keep_apart(home):
    with home.server() as server:
        driver = home.driver(server, "at_once=8")
        for notice in range(1, 10):
            driver.tell(home.submit(notice, "u%d@unit.test" % notice))
        heard = [driver.hear() for _ in range(9)]  # the ninth is one too many
        assert sum(line.startswith("REFUSED 9 -16") for line in heard) == 1, heard
        assert {line for line in heard if line.startswith("READY")} == {
            "READY %d" % n for n in range(1, 9)}, heard
        assert kept(server) == 0
        for notice in (8, 2, 5):
            driver.tell("release %d" % notice)
            expect(driver.hear(), "SENT %d" % notice)
        driver.tell("cancel 1")
        expect(driver.hear(), "CANCELLED 1")
        for notice in (3, 4, 6, 7):
            driver.tell("release %d" % notice)
        assert {driver.hear() for _ in range(4)} == {"SENT %d" % n for n in (3, 4, 6, 7)}
        driver.end()
        assert kept(server) == 7
        assert {e["to"][0] for e, _ in server.accepted()} == {
            "u%d@unit.test" % n for n in range(2, 9)}


def a_stalled_one_does_not_hold_up_the_others(home):
    with home.server(faults={"dot": "stall"}) as server:
        driver = home.driver(server, timeout=SHORT_MS * 2)
        driver.tell("release_all")
        driver.tell(home.submit(1))
        expect(driver.hear(), "READY 1")
        time.sleep(0.2)
        server.faults = {}
        began = time.monotonic()
        driver.tell(home.submit(2))
        expect(driver.hear(), "READY 2")
        expect(driver.hear(), "SENT 2")
        assert time.monotonic() - began < SHORT_MS / 1000
        expect(driver.hear(), "IN_DOUBT 1")
        driver.end()
        assert kept(server) == 1


# ---- TLS and passwords ---------------------------------------------------------------------------

CERTIFICATES = {}


def make_certificates(folder):
    for name in ("right", "wrong"):
        cert, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
        host = "IP:127.0.0.1" if name == "right" else "DNS:elsewhere.test"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=mail.test", "-addext", "subjectAltName=" + host, "-keyout", key,
                        "-out", cert], check=True, capture_output=True)
        CERTIFICATES[name] = dict(cert=cert, key=key)


def starttls_is_used(home):
    with home.server(**CERTIFICATES["right"], require_tls=True) as server:
        expect(send_one(home, server, "tls", "ca=" + CERTIFICATES["right"]["cert"]), "SENT 1")
        assert kept(server) == 1 and server.accepted()[0][0]["tls"]


def smtps_is_used(home):
    with home.server(**CERTIFICATES["right"], smtps=True) as server:
        expect(send_one(home, server, "tls", "ca=" + CERTIFICATES["right"]["cert"],
                        scheme="smtps"), "SENT 1")
        assert kept(server) == 1 and server.accepted()[0][0]["tls"]


def tls_holds_the_dot_too(home):
    with home.server(**CERTIFICATES["right"], require_tls=True) as server:
        driver = home.driver(server, "tls", "ca=" + CERTIFICATES["right"]["cert"])
        driver.tell(home.submit())
        expect(driver.hear(), "READY 1")
        time.sleep(0.3)
        assert kept(server) == 0
        driver.tell("cancel 1")
        expect(driver.hear(), "CANCELLED 1")
        driver.tell(home.submit(2))
        expect(driver.hear(), "READY 2")
        driver.end()  # with the second one held
        time.sleep(0.2)
        assert kept(server) == 0


def tls_broken_after_the_dot_is_a_doubt(home):
    with home.server(**CERTIFICATES["right"], faults={"accepted": "close"}) as server:
        expect(send_one(home, server, "tls", "ca=" + CERTIFICATES["right"]["cert"]), "IN_DOUBT 1")
        assert kept(server) == 1


def tls_that_is_required_and_not_offered_is_a_failure(home):
    with home.server(user="u", password=PASSWORD) as server:
        expect(send_one(home, server, "tls", "user=u", "password=" + PASSWORD),
               "FAILED 1 temporary")
        assert kept(server) == 0
        assert not server.fired


def starttls_refused_is_a_failure(home):
    with home.server(**CERTIFICATES["right"], faults={"starttls": "454 4.7.0 not now"}) as server:
        event = send_one(home, server, "tls", "ca=" + CERTIFICATES["right"]["cert"])
        expect(event, "FAILED 1 temporary")
        assert kept(server) == 0


def a_wrong_certificate_is_a_failure(home):
    with home.server(**CERTIFICATES["wrong"]) as server:  # right issuer, wrong name
        expect(send_one(home, server, "tls", "ca=" + CERTIFICATES["wrong"]["cert"]),
               "FAILED 1 temporary")
        expect(send_one(home, server, "tls", "ca=" + CERTIFICATES["right"]["cert"]),
               "FAILED 1 temporary")  # wrong issuer
        # The system's issuers: reading them all takes a sanitizer long.
        expect(send_one(home, server, "tls", hurried=False), "FAILED 1 temporary")
        assert kept(server) == 0


def a_password_is_given(home):
    with home.server(user="bot", password=PASSWORD) as server:
        expect(send_one(home, server, "user=bot", "password=" + PASSWORD), "SENT 1")
        assert server.accepted()[0][0]["authenticated"]
    with home.server(**CERTIFICATES["right"], user="bot", password=PASSWORD) as server:
        expect(send_one(home, server, "tls", "ca=" + CERTIFICATES["right"]["cert"], "user=bot",
                        "password=" + PASSWORD), "SENT 1")


def a_wrong_password_is_temporary_and_never_told(home):
    # Every notice would be lost for good if the account's trouble counted as theirs.
    with home.server(user="bot", password="other") as server:
        event = send_one(home, server, "user=bot", "password=" + PASSWORD)
        expect(event, "FAILED 1 temporary")
        assert PASSWORD not in event and "535" in event, event
        expect(send_one(home, server), "FAILED 1 temporary 530")  # none given
        assert kept(server) == 0
    for scheme, why in (("http", "this is no mail"), ("smtp", "a user does not belong")):
        driver = Driver("%s://bot:%s@127.0.0.1/" % (scheme, PASSWORD))
        driver.end()
        expect(driver.said[0], "REFUSED 0 -22 " + why)
        assert PASSWORD not in driver.said[0], driver.said


# ---- what is refused at once ---------------------------------------------------------------------

def a_simulated_ledger_stays_on_this_host(_home):
    for url in ("smtp://mail.example.com", "smtp://127.evil.example", "smtp://127.0.0.1.evil.example",
                "smtp://localhost.evil.example", "smtp://10.0.0.1", "smtps://[2001:db8::1]",
                "smtp://127.0.0.1@10.0.0.1", "smtp://1270.0.0.1"):
        driver = Driver(url, "simulated")
        driver.end()
        expect(driver.said[0], "REFUSED 0 -22")
    for url in ("smtp://127.0.0.1:2525", "smtp://localhost:2525", "smtps://[::1]:2525",
                "smtp://127.8.9.10"):
        driver = Driver(url, "simulated")
        assert driver.end()[-1] == "DONE"


def a_simulated_ledger_writes_to_nobody_real(home):
    with home.server() as server:
        driver = home.driver(server, "simulated")
        for address in ("li@unit.cn", "li@test.cn", "li@example.com", "li@xtest", "li@a.invalid.cn"):
            driver.tell(home.submit(1, address))
            expect(driver.hear(), "REFUSED 1 -22 a simulated ledger writes to nobody real")
        driver.tell("release_all")
        for address in ("li@unit.test", "li@a.example", "li@INVALID", "li@b.INVALID"):
            driver.tell(home.submit(1, address))
            expect(driver.hear(), "READY 1")
            expect(driver.hear(), "SENT 1")
        driver.end()
        assert kept(server) == 4


def an_address_cannot_hold_a_command(home):
    with home.server() as server:
        driver = home.driver(server)
        for address in ("li", "@unit.test", "li@", "a@b@c.test", "li@unit.test>RCPT", "<li@unit.test",
                        "li,wu@unit.test", "李@unit.test", "li@unit.test\x01", "\"li\"@unit.test",
                        "li@" + "x" * 300 + ".test", "x" * 2000 + "@unit.test"):
            driver.tell(home.submit(1, address))
            expect(driver.hear(), "REFUSED 1 -22 the official's mail address")
            driver.tell(home.submit(1, sender=address[:400]))
            expect(driver.hear(), "REFUSED 1 -22 the sender's mail address")
        driver.end()
        assert server.connections == 0


def a_bare_line_end_is_refused(home):
    with home.server() as server:
        driver = home.driver(server)
        for content in (b"a\r\n\n.\r\nMAIL FROM:<x@x.test>\r\n", b"a\r\n\r.\r\n", b"a\n.\n", b"a\r"):
            with open(home.mail, "wb") as out:
                out.write(content)
            driver.tell(home.submit())
            expect(driver.hear(), "REFUSED 1 -22 the message has a line")
        driver.end()
        assert server.connections == 0


def a_large_message_arrives_whole(home):
    lines = HEADERS + b"".join(b".%070d\r\n" % i for i in range(6000))
    with open(home.mail, "wb") as out:
        out.write(lines)
    for tls, options in (({}, ()), (CERTIFICATES["right"],
                                    ("tls", "ca=" + CERTIFICATES["right"]["cert"]))):
        with home.server(**tls) as server:
            driver = home.driver(server, *options)
            driver.tell("release_all")
            driver.tell(home.submit())
            expect(driver.hear(), "READY 1")
            expect(driver.hear(), "SENT 1")
            driver.end()
            assert [content for _, content in server.accepted()] == [lines]


def scenarios():
    found = {name: thing for name, thing in globals().items()
             if callable(thing) and getattr(thing, "__code__", None) is not None
             and thing.__code__.co_varnames[:1] in (("home",), ("_home",))
             and thing.__code__.co_argcount == 1}
    for step in STEPS_BEFORE:
        if step != "body":  # released by then, or not: see a_line_broken_while_held
            found["a line broken at %s" % step] = a_line_broken_before_the_release_is_a_failure(step)
        found["a stall at %s" % step] = a_stall_before_the_release_is_a_failure_in_time(step)
    for step in ("mail", "rcpt", "data", "dot"):
        for answer, kind in (("451 4.3.0 try later", "temporary"), ("421 4.3.2 going", "temporary"),
                             ("554 5.7.1 never", "permanent")):
            found["%s at %s" % (answer[:3], step)] = tells_a_refusal(step, answer, kind)
    # What the server refuses before it knows the message is no fault of the message.
    found["554 at banner"] = tells_a_refusal("banner", "554 5.3.2 no service", "temporary")
    found["closed after an answer at ehlo"] = tells_a_refusal("ehlo", "502 5.5.1 no", "temporary")
    for step, count in (("dot", 0), ("accepted", 1)):
        for action in ("close", "stall"):
            found["%s at %s" % (action, step)] = nobody_knows(step, action, count)
    return found


def run(scenario):
    home = Home()
    try:
        scenario(home)
        return None
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc()
    finally:
        shutil.rmtree(home.path, ignore_errors=True)


def main():
    if AuthResult is None:
        print("skipped: %s has no aiosmtpd (Debian: python3-aiosmtpd)" % sys.executable)
        return 77
    folder = tempfile.mkdtemp(prefix="zb-test-smtp-")
    failed = 0
    try:
        make_certificates(folder)
        wanted = scenarios()
        if len(sys.argv) > 1:
            wanted = {name: one for name, one in wanted.items() if sys.argv[1] in name}
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            runs = {name: pool.submit(run, one) for name, one in wanted.items()}
            for name, result in runs.items():
                error = result.result()
                failed += error is not None
                if error is not None:
                    print("FAILED: %s\n%s" % (name.replace("_", " "), error))
        print("%d scenarios, %d failed" % (len(wanted), failed))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed or not wanted else 0


if __name__ == "__main__":
    sys.exit(main())
