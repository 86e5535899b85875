"""`deploy/local/run`, which `make run` is, as a user would have it in a terminal."""

import base64
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import urllib.request

from . import env

DAEMONS = ("gateway", "auth", "catalog", "mailer", "monitor")


class LocalStack:
    """A stack of its own on free ports, in a process group of its own."""

    command = [str(env.ROOT / "deploy/local/run")]

    dashboard_user = ("ops", "a-long-passphrase")

    def __init__(self, **settings):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="quintet-run-"))
        self.run_dir = self.dir / "run"
        self._ports = env.Ports()
        self.gateway_port, self.monitor_port = self._ports.take(), self._ports.take()
        self._ports.close()  # the script itself looks whether its ports are free
        self.environment = os.environ | {
            "RUN_DIR": str(self.run_dir), "BIN_DIR": str(env.BIN),
            "GATEWAY_PORT": str(self.gateway_port), "MONITOR_PORT": str(self.monitor_port),
            "AUTH_ARGON2_MEMORY_KIB": "1024", "AUTH_ARGON2_PASSES": "1",
            "MONITOR_BASIC_AUTH": ":".join(self.dashboard_user),
        } | settings
        self.process, self.log = None, self.dir / "output"

    def start(self):
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, start_new_session=True)
        env.wait_until(self._ready, 90, "the stack gets ready")
        return self

    def _ready(self):
        assert self.process.poll() is None, f"it ended:\n{self.output()}"
        return "Quintet is ready" in self.output()

    def output(self):
        return self.log.read_text(errors="replace")

    def interrupt(self):
        """Ctrl-C: INT to the foreground process group. Returns the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(env.seconds(60))

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.interrupt()
        subprocess.run([str(env.ROOT / "deploy/local/clean-run")], env=self.environment,
                       stdout=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- what runs ------------------------------------------------------------------------

    def pids(self):
        """Process numbers by name, of everything the supervisor wrote down."""
        found = {}
        for file in (self.run_dir / "pids").glob("*"):
            try:
                found[file.name] = int(file.read_text().split()[0])
            except (FileNotFoundError, IndexError):
                pass  # it ended, or is just being written down again
        return found

    def processes(self):
        """Every process on this machine that was told of this RUN_DIR, by its environment
        or arguments: what must be gone afterwards."""
        found = []
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                text = (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes()
                state = (proc / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if str(self.run_dir).encode() in text and state != "Z" \
                    and int(proc.name) != os.getpid():
                found.append((int(proc.name), text[-200:]))
        return found

    def setting(self, name):
        """A variable of RUN_DIR/env."""
        text = (self.run_dir / "env").read_text()
        value = re.search(rf"^(?:export )?{name}=(.*)$", text, re.M)
        return shlex.split(value[1])[0] if value else None

    def dashboard(self, path):
        """The parsed answer of the monitor."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.monitor_port}{path}")
        pair = base64.b64encode(":".join(self.dashboard_user).encode()).decode()
        request.add_header("Authorization", f"Basic {pair}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def ops(self, daemon, path):
        """(status, text); (0, why) when nobody listens."""
        address = self.setting(f"{daemon.upper()}_OPS_LISTEN")
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except OSError as e:
            return 0, str(e)
