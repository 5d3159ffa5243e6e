"""Notices as a mail program reads them: Python's email package, which shares nothing with ours."""

import datetime
import email
import email.policy
import glob
import os
import subprocess
import sys
import tempfile
from email.header import decode_header, make_header

WRITER = os.path.join(os.environ["ZB_BINARY_DIR"], "tests", "test_mail_writer")
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "X-Zhengban-Notice", "X-Zhengban-Case",
           "Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
SUBJECT_BYTES = 512


def cut(text):
    raw = text.encode()[:SUBJECT_BYTES]
    return raw.decode("utf-8", "ignore")


def check(path):
    with open(path, "rb") as eml:
        raw = eml.read()
    with open(path[:-4] + ".txt", encoding="utf-8", newline="") as text:
        letterhead, subject, body = text.read().split("\n\n", 2)
    with open(path[:-4] + ".facts", encoding="utf-8") as facts:
        sender, reader, message_id, notice, now_ms = facts.read().splitlines()

    raw.decode("ascii")
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r"), "bare line ends"
    assert raw.endswith(b"\r\n")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 76, "a line is too long"

    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert mail.keys() == HEADERS, mail.keys()
    assert not mail.defects, mail.defects
    for name in HEADERS:
        assert not mail[name].defects, (name, mail[name].defects)

    assert [a.addr_spec for a in mail["From"].addresses] == [sender], mail["From"]
    # Through the older parser: the newer one puts blanks between the words of a phrase.
    phrase = email.message_from_bytes(raw, policy=email.policy.compat32)["From"]
    phrase = phrase[:phrase.rindex("<")].strip()
    assert str(make_header(decode_header(phrase))) == letterhead, phrase
    assert [a.addr_spec for a in mail["To"].addresses] == [reader], mail["To"]
    assert mail["Subject"] == cut(subject), (str(mail["Subject"]), subject)
    assert mail["Message-ID"] == message_id
    assert mail["X-Zhengban-Notice"] == notice
    assert mail["Auto-Submitted"] == "auto-generated"
    date = mail["Date"].datetime
    assert date.utcoffset() == datetime.timedelta(hours=8), date
    assert int(date.timestamp()) == int(now_ms) // 1000, date
    assert mail["Date"].startswith(date.strftime("%a, ")), mail["Date"]

    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"
    assert mail["Content-Transfer-Encoding"].cte == "base64"
    assert mail.get_payload(decode=True).decode("utf-8") == body.replace("\n", "\r\n")
    assert not mail.defects, mail.defects


def main():
    with tempfile.TemporaryDirectory(prefix="zb-test-mail-") as folder:
        subprocess.run([WRITER, folder], check=True)
        mails = sorted(glob.glob(os.path.join(folder, "*.eml")))
        for path in mails:
            try:
                check(path)
            except Exception:
                print("in %s" % os.path.basename(path))
                raise
        print("%d mails" % len(mails))
        return 0 if len(mails) > 100 else 1


if __name__ == "__main__":
    sys.exit(main())
