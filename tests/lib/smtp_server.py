"""A mail server for tests: real SMTP (aiosmtpd), whose misbehaviour is asked for by name.

As a module:

    with MailServer(store="/some/folder", faults={"rcpt": "450 4.2.1 busy"}) as server:
        ... server.port ... server.accepted() ...

As a program, for tests that start and kill it (it prints its port, and goes on until it is killed):

    smtp_server.py --store FOLDER [--port N] [--control FILE] [--cert F --key F [--smtps]]
                   [--require-tls] [--user U --password P] [--greylist]

A message that the server accepts is a file NNNN.eml in the store, written before the answer, beside
NNNN.json with its envelope. Nothing else is ever in the store: an empty store means that the server
has taken responsibility for nothing.

Faults: step -> action. The action takes the place of the server's answer to that step.
    steps    banner ehlo starttls auth mail rcpt data body dot accepted
             body: after "354", when the first line of the message has come
             dot: the final dot has come, and the message is thrown away
             accepted: the final dot has come, and the message is in the store
    actions  "close"            the connection is closed
             "stall"            no answer ever comes
             "close after ANSWER"  ANSWER is sent, then the connection is closed
             "4xx text", "5xx text"  this answer (not for body: nothing is answered there)
The control file holds one "step action" in each line; it is read anew at each connection.
"""

import argparse
import asyncio
import json
import logging
import os
import ssl
import sys
import threading
import warnings

try:
    from aiosmtpd.smtp import SMTP, AuthResult
except ImportError:  # the caller says so and skips
    SMTP = object
    AuthResult = None


class _Broken(asyncio.CancelledError):
    """The connection ends here by the script's will; aiosmtpd lets this kind pass in silence."""


class _Session(SMTP):
    """One connection. `owner` is the MailServer, `faults` what goes wrong in it."""

    def __init__(self, owner):
        self.owner = owner
        self.faults = owner.current_faults()
        options = dict(hostname="mail.test", enable_SMTPUTF8=False, loop=owner.loop,
                       data_size_limit=4 * 1024 * 1024)
        if owner.tls is not None and not owner.smtps:
            options.update(tls_context=owner.tls, require_starttls=owner.require_tls)
        if owner.user is not None:
            options.update(authenticator=self.check_password, auth_required=True,
                           auth_require_tls=False)
        super().__init__(owner, **options)

    def check_password(self, _server, _session, _envelope, _mechanism, data):
        right = (data.login == self.owner.user.encode()
                 and data.password == self.owner.password.encode())
        return AuthResult(success=right, handled=False)

    async def misbehave(self, step):
        """Does what the script says for this step; True when the answer has been given."""
        action = self.faults.get(step)
        if action is None:
            return False
        self.owner.note(step, action)
        if action == "stall":
            await asyncio.Event().wait()  # until the connection or the server ends
        if action == "close":
            self.transport.close()
            raise _Broken()
        if action.startswith("close after "):
            await self.push(action[len("close after "):])
            self.transport.close()
            raise _Broken()
        await self.push(action)
        return True

    async def _handle_client(self):
        try:
            # After STARTTLS aiosmtpd comes here again, without a banner.
            if not (self._tls_handshake_okay and self.session.ssl is not None
                    and not self.owner.smtps) and await self.misbehave("banner"):
                self.transport.close()
                return
            await super()._handle_client()
        except _Broken:
            pass

    async def smtp_EHLO(self, hostname):
        if not await self.misbehave("ehlo"):
            await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname):
        if not await self.misbehave("ehlo"):
            await super().smtp_HELO(hostname)

    async def smtp_STARTTLS(self, arg):
        if not await self.misbehave("starttls"):
            await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg):
        if not await self.misbehave("auth"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg):
        if not await self.misbehave("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):
        if not await self.misbehave("rcpt"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):
        if await self.misbehave("data"):
            return
        if "body" in self.faults:
            await self.push("354 go on")
            await self._reader.readline()
            await self.misbehave("body")
            return
        await super().smtp_DATA(arg)


class MailServer:
    """Runs in a thread of its own from __enter__ to __exit__. `faults` may be changed meanwhile."""

    def __init__(self, store, port=0, faults=None, control=None, cert=None, key=None, smtps=False,
                 require_tls=False, user=None, password=None, greylist=False):
        self.store, self.port, self.control = str(store), port, control
        self.faults = dict(faults or {})
        self.smtps, self.require_tls = smtps, require_tls
        self.user, self.password = user, password
        self.greylist = greylist
        self.seen = set()  # recipients that the greylist knows
        self.fired = []  # (step, action) in the order in which they happened
        self.connections = 0
        self.tls = None
        if cert is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(cert, key)
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.failed = None
        self.count = 0

    # ---- the script ----

    def current_faults(self):
        self.connections += 1
        if self.control is None:
            return dict(self.faults)
        faults = {}
        try:
            with open(self.control, encoding="utf-8") as lines:
                for line in lines:
                    step, _, action = line.strip().partition(" ")
                    if action:
                        faults[step] = action
        except FileNotFoundError:
            pass
        return faults

    def note(self, step, action):
        self.fired.append((step, action))

    # ---- aiosmtpd's hooks ----

    async def handle_RCPT(self, _server, _session, envelope, address, rcpt_options):
        if self.greylist and address not in self.seen:
            self.seen.add(address)
            return "450 4.2.0 greylisted, come again"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        action = server.faults.get("dot")
        if action is not None and action[:1].isdigit():
            self.note("dot", action)
            return action
        await server.misbehave("dot")
        self.keep(session, envelope)
        await server.misbehave("accepted")
        return "250 2.0.0 kept"

    def keep(self, session, envelope):
        self.count += 1
        name = os.path.join(self.store, "%04d" % self.count)
        facts = {"from": envelope.mail_from, "to": envelope.rcpt_tos,
                 "tls": session.ssl is not None or self.smtps,
                 "authenticated": bool(session.authenticated)}
        with open(name + ".json", "w", encoding="utf-8") as out:
            json.dump(facts, out)
        with open(name + ".part", "wb") as out:
            out.write(envelope.original_content)
        os.rename(name + ".part", name + ".eml")

    # ---- running ----

    def accepted(self):
        """(envelope, content) of every message in the store, in order."""
        kept = []
        for name in sorted(os.listdir(self.store)):
            if name.endswith(".eml"):
                path = os.path.join(self.store, name)
                with open(path[:-4] + ".json", encoding="utf-8") as envelope, open(path, "rb") as eml:
                    kept.append((json.load(envelope), eml.read()))
        return kept

    def run(self):
        asyncio.set_event_loop(self.loop)
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
        # A connection that the script broke off leaves complaints that are no news.
        self.loop.set_exception_handler(lambda loop, context: None)
        try:
            server = self.loop.run_until_complete(self.loop.create_server(
                lambda: _Session(self), "127.0.0.1", self.port,
                ssl=self.tls if self.smtps else None))
        except OSError as error:
            self.failed = error
            self.ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        self.loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    def __enter__(self):
        os.makedirs(self.store, exist_ok=True)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.ready.wait()
        if self.failed is not None:
            raise self.failed
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=10)


def main():
    options = argparse.ArgumentParser(description="A mail server for tests.")
    options.add_argument("--store", required=True)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--control")
    options.add_argument("--cert")
    options.add_argument("--key")
    options.add_argument("--smtps", action="store_true")
    options.add_argument("--require-tls", action="store_true")
    options.add_argument("--user")
    options.add_argument("--password")
    options.add_argument("--greylist", action="store_true")
    given = options.parse_args()
    if AuthResult is None:
        print("no aiosmtpd for %s" % sys.executable, file=sys.stderr)
        return 77
    with MailServer(**vars(given)) as server:
        print(server.port, flush=True)
        server.thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
