"""A private Redis on a Unix socket."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from . import env

# Debian's redis-tools holds the whole server under this name (they are one program).
SERVERS = ("/usr/bin/redis-server", "/usr/bin/redis-check-rdb")


def find_server():
    for path in SERVERS:
        if os.path.exists(path):
            return path
    raise RuntimeError("Redis is not installed: the package redis-tools has it")


class Redis:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="quintet-tests-redis-"))
        self.socket = self.dir / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.process = None
        self.start()

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [*env.DIE_WITH_US, "bash", "-c", 'exec -a redis-server "$@"', "bash",
                 find_server(), "--port", "0", "--unixsocket", str(self.socket), "--save",
                 "", "--appendonly", "no", "--dir", str(self.dir)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        env.wait_until(self.socket.exists, 10, "Redis opens its socket")

    def command(self, *words):
        """The answer's text, as redis-cli prints it."""
        return subprocess.run(["redis-cli", "-s", str(self.socket), *map(str, words)],
                              stdout=subprocess.PIPE, text=True, check=True,
                              timeout=env.seconds(10)).stdout.strip()

    def freeze(self):
        """It is there and says nothing, as a stopped or swapping machine does."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """As if the machine had lost it; start() brings it back empty."""
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None
        self.socket.unlink(missing_ok=True)

    def stop(self):
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)
