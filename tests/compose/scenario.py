"""compose.yaml from a clean clone to `down`, scaled, rolled, killed and cut off under load.
Counts are judged, times are reported. tests/compose/run starts it."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import uuid

import faults
import job
from engine import Failed, Project, run
from load import Load
from report import Report

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
# For each of the two builds: the first time on a machine every layer is made, which takes an
# engine on a file system in user space some minutes.
IMAGES_TIMEOUT = 600  # s
ONE = {"gateway": 1, "auth": 1, "catalog": 1, "mailer": 1}
TWO = {name: 2 for name in ONE}
MANY = {**TWO, "catalog": 3}
# The dev profile: mails go to a server that remembers them, however many mailers come and go.
DEV = ("--env-file", "deploy/dev.env")


def clone(where):
    """What git would check out, as somebody with a strict umask has it."""
    listed = run("git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others",
                 "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if not (ROOT / name).is_file():
            continue
        target = where / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod(0o700 if os.access(ROOT / name, os.X_OK) else 0o600)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Stack:
    """The project under test, and what its users know of it."""

    def __init__(self, work):
        self.tag = uuid.uuid4().hex[:8]
        self.clone = work / "clone"
        self.clone.mkdir(mode=0o700)
        self.port, self.monitor_port = free_port(), free_port()
        self.project = Project(f"quintet-test-{self.tag}", self.clone, {
            "QUINTET_IMAGE": "quintet-local/quintet:test",
            "QUINTET_PROXY_IMAGE": "quintet-local/quintet-proxy:test",
            "BASE_IMAGE": "quintet-local/debian:bookworm-slim",
            "POSTGRES_IMAGE": "quintet-local/postgres:stand-in",
            "REDIS_IMAGE": "quintet-local/redis:stand-in",
            "PROXY_IMAGE": "quintet-local/haproxy:stand-in",
            "MAILCATCHER_IMAGE": "quintet-local/mailcatcher:stand-in",
            "GATEWAY_PORT": str(self.port), "MONITOR_PORT": str(self.monitor_port),
            "MAILCATCHER_PORT": str(free_port()),
            "PUBLIC_URL": f"http://localhost:{self.port}",
            "RATE_LIMIT_EXEMPT": "0.0.0.0/0"})
        self.volumes, self.load, self.killed = set(), None, 0

    def dev(self):
        """From now on with the settings of the profile dev, the database as it is."""
        values = dict(line.split("=", 1) for line in
                      (self.clone / "deploy/dev.env").read_text().splitlines()
                      if line and not line.startswith("#"))
        # The .env of the Django project names a user; this server has none.
        self.project.env.update(values, EMAIL_HOST_USER="", EMAIL_HOST_PASSWORD="")


def build(stack, report):
    report.step("images")
    began = time.monotonic()
    print(run("nice", str(HERE / "images" / "build"), timeout=IMAGES_TIMEOUT), end="")
    report.figure("stand-in images", f"{time.monotonic() - began:.0f} s")
    clone(stack.clone)
    shutil.copyfile(HERE / "django.env", stack.clone / ".env")
    began = time.monotonic()
    old = run("docker", "images", "-q", "--no-trunc", "quintet-local/quintet:test").strip()
    stack.project.compose("build", timeout=IMAGES_TIMEOUT)
    report.figure("docker compose build", f"{time.monotonic() - began:.0f} s")
    image = stack.project.inspect("quintet-local/quintet:test")[0]
    base = stack.project.inspect("quintet-local/debian:bookworm-slim")[0]
    if old and old != image["Id"]:
        run("docker", "rmi", old, check=False)  # what an earlier run of this test left
    report.figure("image size", f"{image['Size'] / 1e6:.0f} MB, of it the Debian base "
                                f"{base['Size'] / 1e6:.0f} MB")
    labels = image["Config"]["Labels"]
    version = (ROOT / "VERSION").read_text().strip()
    report.check("the image says its title, version and licence",
                 labels.get("org.opencontainers.image.title") == "Quintet"
                 and labels.get("org.opencontainers.image.version") == version
                 and labels.get("org.opencontainers.image.licenses") == "MIT", labels)


def first_up(stack, report):
    report.step("up, with the Django project's own .env and nothing else")
    began = time.monotonic()
    stack.project.up(None, "--build")
    stack.project.wait_healthy()
    report.figure("from up to all healthy", f"{time.monotonic() - began:.1f} s")
    stack.volumes |= stack.project.volumes()
    job.check_health(stack, report)
    job.check_client(stack, report)
    job.check_hardening(stack, report)
    report.figure("memory at rest, MiB", readable(stack.project.memory()))


def readable(used):
    return ", ".join(f"{name} {' '.join(map(str, values))}"
                     for name, values in sorted(used.items()))


def begin_load(stack, report):
    report.step("the profile dev: mails to a server that remembers them")
    stack.dev()
    stack.project.up()
    stack.project.wait_healthy()
    stack.volumes |= stack.project.volumes()
    stack.load = Load(stack.port, stack.user_token, stack.category, stack.tag)
    stack.load.start()
    time.sleep(3)
    report.check("load gets answers", not [o for o in stack.load.since(0) if o.failed],
                 [str(o) for o in stack.load.since(0) if o.failed][:3])


def explain(stack):
    """The last words of what is not well, for whoever reads the failure."""
    try:
        print("\n".join(stack.project.unhealthy()))
        for c in stack.project.describe(everything=True):
            name = c["Config"]["Labels"]["com.docker.compose.service"]
            lines = [line[:400] for line in run("docker", "logs", c["Id"]).splitlines()
                     if '"msg":"request"' not in line]
            print(f"--- {name} {c['Id'][:12]}", *lines[-12:], sep="\n    ")
    except Failed as why:
        print(why)


def take_down(stack, report):
    report.step("down")
    if stack.load:
        stack.load.stop()
    project = stack.project
    stack.volumes |= project.volumes()
    said = project.compose("down", "-v", "--remove-orphans", timeout=300, check=False)
    stuck = project.stuck_networks()
    if stuck:
        # Engines up to 20.10 can lose count of a network's endpoints; a restart mends that.
        report.skip("down leaves no network", f"the engine keeps {stuck}, which nobody is on")
        project.compose("down", "-v", "--remove-orphans", timeout=300, check=False)
        project.remove_volumes()
    left = set(project.leftovers(stack.volumes)) - set(stuck)
    report.check("down -v leaves no container, network or volume", not left, f"{left} {said}")


def scenario(stack, report):
    build(stack, report)
    first_up(stack, report)
    job.readme(stack, report)
    begin_load(stack, report)
    faults.scale(stack, report, MANY, ONE)
    faults.scale_for_faults(stack, report, TWO)
    faults.roll(stack, report)
    faults.kill_replicas(stack, report)
    faults.cut_off(stack, report)
    faults.kill_stores(stack, report)
    faults.reconcile(stack, report)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = Report()
    with tempfile.TemporaryDirectory(prefix="quintet-compose-") as work:
        stack = Stack(pathlib.Path(work))
        try:
            scenario(stack, report)
        except (Failed, subprocess.TimeoutExpired) as why:
            report.check("the scenario goes through", False, str(why))
        except Exception:  # a fault of the test itself is a failure too, and is cleaned up
            report.check("the scenario goes through", False, traceback.format_exc())
        finally:
            if report.failed:
                explain(stack)
            take_down(stack, report)
    report.figure("the whole run", f"{time.monotonic() - report.began:.0f} s")
    return report.sum()


if __name__ == "__main__":
    sys.exit(main())
