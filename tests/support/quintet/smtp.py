"""An SMTP server that keeps what it gets and says what the test wants it to say."""

import asyncio
import email
import email.policy
import threading

from aiosmtpd.controller import Controller

from . import env


class Mail:
    def __init__(self, envelope):
        self.sender = envelope.mail_from
        self.recipients = list(envelope.rcpt_tos)
        self.raw = bytes(envelope.original_content or envelope.content)
        self.message = email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def subject(self):
        return self.message["Subject"]

    @property
    def text(self):
        return self.message.get_body(("plain",)).get_content()


class _Handler:
    def __init__(self, sink):
        self.sink = sink

    async def handle_MAIL(self, _server, _session, envelope, address, options):
        reply = self.sink.next_reply("MAIL")
        if reply.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        reply = self.sink.next_reply("RCPT")
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, _server, _session, envelope):
        await asyncio.sleep(self.sink.delay)
        reply = self.sink.next_reply("DATA")
        if reply.startswith("250"):
            self.sink.keep(Mail(envelope))
        return reply


class SmtpSink:
    """Listens on a free loopback port at once. `script("DATA", "451 4.3.0 later")` makes
    the next answers to a command; afterwards all is well again."""

    def __init__(self, port=0):
        self._lock = threading.Condition()
        self.delay = 0  # s before the answer to a mail
        self._mails, self._script = [], {"MAIL": [], "RCPT": [], "DATA": []}
        self._ports = env.Ports()
        self.host, self.port = "127.0.0.1", port or self._ports.take()
        self._controller = None
        self.start()

    def start(self):
        self._controller = Controller(_Handler(self), hostname=self.host, port=self.port,
                                      decode_data=False)
        self._controller.start()

    def stop(self):
        """Like a mail server that went away; start() brings it back on the same port."""
        if self._controller:
            self._controller.stop()
        self._controller = None

    def close(self):
        self.stop()
        self._ports.close()

    def script(self, command, *replies):
        with self._lock:
            self._script[command].extend(replies)

    def clear(self):
        """Forgets what script() has left."""
        with self._lock:
            for waiting in self._script.values():
                waiting.clear()

    def next_reply(self, command):
        with self._lock:
            waiting = self._script[command]
            return waiting.pop(0) if waiting else "250 2.0.0 OK"

    def keep(self, mail):
        with self._lock:
            self._mails.append(mail)
            self._lock.notify_all()

    @property
    def mails(self):
        with self._lock:
            return list(self._mails)

    def to(self, address):
        return [m for m in self.mails if address in m.recipients]

    def wait_for(self, address, n=1, timeout=15.0):
        """The mails to an address once there are n of them."""
        return env.wait_until(
            lambda: len(self.to(address)) >= n and self.to(address), timeout,
            f"{n} mail(s) to {address}; there are {len(self.mails)} mails in all")

    def env(self):
        return {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": self.host,
                "EMAIL_PORT": str(self.port), "EMAIL_USE_TLS": "false"}
