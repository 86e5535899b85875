"""A stock nginx or HAProxy with a configuration of deploy, on a free port."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from . import env, raw

# What a test changes in the files: where things listen, and how long a slow client may take.
# One worker and few connections behind it, so that everybody shares what somebody poisoned.
NGINX = (("worker_processes auto;", "worker_processes 1;"), ("keepalive 32;", "keepalive 1;"),
         ("listen 80;", "listen 127.0.0.1:{port};"), ("127.0.0.1:8000", "{gateway}"),
         (" 10s;", " 1s;"),
         ("server_tokens off;", "server_tokens off; client_body_temp_path {dir}/body;"
          " proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;"
          " uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;"))
HAPROXY = (("maxconn 4096", "maxconn 400\n    nbthread 1"), ("bind :80", "bind 127.0.0.1:{port}"),
           ("127.0.0.1:8000", "{gateway}"), ("port 9000", "port {ops}"),
           ("http-request 10s", "http-request 1s"),
           ("    option httpchk\n", "    option httpchk\n    http-reuse always\n"))


# Compose's own front door: no engine here to ask for names.
COMPOSE = (("bind :8000", "bind 127.0.0.1:{port}"), ("check port 9000", "check port {ops}"),
           ("server-template gateway 1-16 gateway:8000 resolvers engine resolve-prefer ipv4"
            " init-addr none", "server gateway1 {gateway}"))
FILES = {"nginx": ("proxy/nginx.conf", NGINX), "haproxy": ("proxy/haproxy.cfg", HAPROXY),
         "compose": ("haproxy/haproxy.cfg", COMPOSE)}


class Proxy:
    def __init__(self, kind, stack, **environment):
        self.environment = environment
        self.kind, self.dir = kind, pathlib.Path(tempfile.mkdtemp(prefix="quintet-proxy-"))
        self._ports = env.Ports()
        self.port = self._ports.take()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config(stack)
        self.process = None

    def _config(self, stack):
        name, changes = FILES[self.kind]
        text = (env.ROOT / "deploy" / name).read_text()
        values = {"port": self.port, "dir": self.dir, "ops": stack.port["gateway.ops"],
                  "gateway": f"127.0.0.1:{stack.port['gateway.http']}"}
        for was, now in changes:
            assert was in text, f"{name} has no '{was}'"
            text = text.replace(was, now.format(**values))
        self.config = self.dir / pathlib.Path(name).name
        self.config.write_text(text)

    def _command(self):
        if self.kind != "nginx":
            return ["haproxy", "-f", str(self.config)]
        more = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
        return ["nginx", "-p", str(self.dir), "-c", str(self.config), "-g",
                f"{more} pid {self.dir}/pid;"]

    def __enter__(self):
        path = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
        with open(self.dir / "log", "wb") as out:
            self.process = subprocess.Popen(
                [*env.DIE_WITH_US, *self._command()], stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, env=os.environ | {"PATH": path} | self.environment)
        env.wait_until(self._ready, 15, f"{self.kind} answers")
        return self

    def _ready(self):
        assert self.process.poll() is None, (self.dir / "log").read_text()
        try:
            got = raw.talk(self.port, b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
                                      b"Connection: close\r\n\r\n")
        except OSError:
            return False
        return got.startswith(b"HTTP/1.1 200")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(env.seconds(5))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._ports.close()
        shutil.rmtree(self.dir, ignore_errors=True)
