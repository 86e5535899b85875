"""An SMTP server over plain sockets that breaks off, hangs and refuses at any point, which
a well-behaved server library cannot. It also counts what it saw."""

import socket
import threading
import time

from quintet import env


class OddSmtp:
    """script(point, action...): what to do the next times a point is reached. Points:
    GREETING EHLO STARTTLS AUTH MAIL RCPT DATA BODY END RSET QUIT; for `always` also a whole
    command line. Actions: a reply line; "cut"
    (close), "hang" (no answer until the client leaves), "stop" (keep the mail, wait for
    `go`, then answer 250), "lose" (keep the mail, then close without an answer), "drip"
    (the normal answer, a byte a second), "tarpit" (an answer that never ends), "twice" (the
    normal answer two times), "flood" (the normal answer behind 5 MB of lines), "endless"
    (the normal answer with 5 MB in one line)."""

    def __init__(self, extensions=("SIZE", "8BITMIME"), tls=None, wrapped=False):
        """tls: an ssl.SSLContext for STARTTLS, or from the first byte when wrapped."""
        self.extensions, self.tls, self.wrapped = extensions, tls, wrapped
        self.mails = []        # bytes, in order of acceptance
        self.dialogue = []     # all command lines
        self.logins = []       # what followed AUTH
        self.go, self.reached = threading.Event(), threading.Event()
        self.always = {}       # point: action
        self.pace = 0.0        # seconds from the dot to its answer
        self._script, self._lock = {}, threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def env(self):
        return {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1",
                "EMAIL_PORT": str(self.port), "EMAIL_USE_TLS": "false"}

    def close(self):
        self._server.close()

    def script(self, point, *actions):
        with self._lock:
            self._script.setdefault(point, []).extend(actions)

    def to(self, address):
        return [m for m in self.mails if f"To: <{address}>".encode() in m]

    def wait_for(self, address, n=1, timeout=15):
        return env.wait_until(lambda: len(self.to(address)) >= n and self.to(address),
                              timeout, f"{n} mails to {address}: {self.dialogue[-20:]}")

    def said(self, verb):
        return [line for line in self.dialogue if line.upper().startswith(verb)]

    # --- one connection -----------------------------------------------------------------

    def _accept(self):
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            if self.wrapped:
                client = self.tls.wrap_socket(client, server_side=True)
            with client:
                self._answer(client, "GREETING", "220 odd")
                while self._talk(client, client.makefile("rb")) == "STARTTLS":
                    client = self.tls.wrap_socket(client, server_side=True)
        except (OSError, EOFError):
            pass

    def _answer(self, client, point, normal):
        with self._lock:
            waiting = self._script.get(point)
            action = waiting.pop(0) if waiting else self.always.get(point, normal)
        if action in ("cut", "lose"):
            raise EOFError
        if action == "hang":
            while client.recv(1024):
                pass
            raise EOFError
        if action == "stop":
            self.reached.set()
            self.go.wait(env.seconds(60))
            action = normal
        if action in self.ODD:
            getattr(self, "_" + action)(client, normal.encode())
            return normal
        client.sendall(action.encode() + b"\r\n")
        return action

    ODD = ("drip", "tarpit", "twice", "flood", "endless")

    @staticmethod
    def _drip(client, normal):
        for byte in normal + b"\r\n":
            client.sendall(bytes([byte]))
            time.sleep(1)

    @staticmethod
    def _tarpit(client, normal):
        while True:
            client.sendall(normal[:3] + b"-wait\r\n")
            time.sleep(0.2)

    @staticmethod
    def _twice(client, normal):
        client.sendall((normal + b"\r\n") * 2)

    @staticmethod
    def _flood(client, normal):
        line = normal[:3] + b"-" + b"x" * 990 + b"\r\n"
        client.sendall(line * 5000 + normal + b"\r\n")

    @staticmethod
    def _endless(client, normal):
        client.sendall(normal + b"x" * 5_000_000 + b"\r\n")

    def _ehlo(self):
        return "\r\n".join([*(f"250-{e}" for e in ("odd", *self.extensions)), "250 HELP"])

    def _talk(self, client, lines):
        """Until the client leaves or wants TLS."""
        normal = {"EHLO": self._ehlo(), "MAIL": "250 ok", "RCPT": "250 ok", "RSET": "250 ok",
                  "DATA": "354 go on", "AUTH": "235 welcome", "NOOP": "250 ok"}
        if self.tls and not self.wrapped:
            normal["STARTTLS"] = "220 go ahead"
        while line := lines.readline().decode("latin-1").strip():
            self.dialogue.append(line)
            verb = line.split()[0].upper()
            if verb == "QUIT":
                self._answer(client, "QUIT", "221 bye")
                return None
            if verb == "AUTH" and len(line.split()) == 2:
                client.sendall(b"334 \r\n")
                self.logins.append(lines.readline().strip())
            point = line if line in self.always else verb
            said = self._answer(client, point, normal.get(verb, "502 what"))
            if verb == "STARTTLS" and said.startswith("220"):
                return verb
            if verb == "DATA" and said.startswith("354"):
                self._body(client, lines)
        return None

    def _body(self, client, lines):
        with self._lock:
            broken = self._script.get("BODY") and self._script["BODY"].pop(0)
        if broken:
            lines.readline()
            raise EOFError
        body = b""
        while (line := lines.readline()) != b".\r\n":
            if not line:
                self.dialogue.append("(cut in the body)")
                raise EOFError
            body += line[1:] if line.startswith(b".") else line
        with self._lock:
            first = (self._script.get("END") or [""])[0]
        if not first[:1] in ("4", "5") and first != "cut":
            self.mails.append(body)
        time.sleep(self.pace)
        self._answer(client, "END", "250 taken")
