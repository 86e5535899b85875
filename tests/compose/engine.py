"""The Docker engine and Compose, as one project of ours. Containers are found by their labels,
never by their names, which differ between the versions of Compose."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

LABEL = "com.docker.compose"
FACTOR = float(os.environ.get("QUINTET_TIMEOUT_FACTOR", "1"))


class Failed(Exception):
    """A command or a wait that did not work; the text says which."""


def seconds(limit):
    return limit * max(1.0, FACTOR)


def run(*command, cwd=None, env=None, timeout=120, check=True):
    done = subprocess.run(command, cwd=cwd, env=env, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds(timeout), check=False)
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(command[:6])} ... ended with {done.returncode}:\n"
                     + "\n".join(done.stdout.splitlines()[-25:]))
    return done.stdout


def wait_until(condition, limit, what, every=0.25):
    """The first true answer, and how long it took to come."""
    began = time.monotonic()
    while True:
        found = condition()
        took = time.monotonic() - began
        if found:
            return found, took
        if took > seconds(limit):
            raise Failed(f"not within {seconds(limit):.0f} s: {what}")
        time.sleep(every)


def compose_command():
    """Compose v2 where it is installed, else docker-compose 1.29."""
    plugin = subprocess.run(["docker", "compose", "version"], check=False,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise Failed("neither `docker compose` nor `docker-compose` is here")


class Project:
    """One `docker compose` project: its directory, its environment, its containers."""

    def __init__(self, name, directory, env):
        self.name, self.directory = name, directory
        self.command = compose_command()
        self.env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"),
                    "COMPOSE_PROJECT_NAME": name, **env}

    # ---- compose --------------------------------------------------------------------

    def compose(self, *arguments, timeout=300, check=True):
        return run(*self.command, *arguments, cwd=self.directory, env=self.env,
                   timeout=timeout, check=check)

    def popen(self, *arguments, **how):
        return subprocess.Popen([*self.command, *arguments], cwd=self.directory,
                                env=self.env, **how)

    def up(self, scale=None, *more, timeout=600):
        counts = [f"--scale={name}={n}" for name, n in (scale or {}).items()]
        return self.compose("up", "-d", *more, *counts, timeout=timeout)

    # ---- containers -----------------------------------------------------------------

    def ids(self, service=None, everything=False):
        wanted = ["--filter", f"label={LABEL}.project={self.name}",
                  "--filter", f"label={LABEL}.oneoff=False"]
        if service:
            wanted += ["--filter", f"label={LABEL}.service={service}"]
        return run("docker", "ps", "-q", "--no-trunc", *(["-a"] if everything else []),
                   *wanted).split()

    def inspect(self, *ids):
        return json.loads(run("docker", "inspect", *ids)) if ids else []

    def describe(self, service=None, everything=False):
        return self.inspect(*self.ids(service, everything))

    def unhealthy(self):
        """Services that are not as they should be, with their state."""
        bad = []
        for c in self.describe(everything=True):
            state, service = c["State"], c["Config"]["Labels"][f"{LABEL}.service"]
            health = state.get("Health", {}).get("Status", "none")
            if c["HostConfig"]["RestartPolicy"]["Name"] in ("", "no"):
                if state["Status"] != "exited" or state["ExitCode"] != 0:
                    bad.append(f"{service}: {state['Status']} {state['ExitCode']}")
            elif state["Status"] != "running" or health not in ("healthy", "none"):
                bad.append(f"{service}: {state['Status']} {health}")
        return bad

    def wait_healthy(self, limit=90):
        wait_until(lambda: not self.unhealthy(), limit, "all healthy")

    def wait_container(self, container, limit=60):
        """Until one container runs and is healthy, or just runs when it has no check."""
        def fine():
            state = self.inspect(container)[0]["State"]
            health = state.get("Health", {}).get("Status", "healthy")
            return state["Status"] == "running" and health == "healthy"
        return wait_until(fine, limit, f"container {container[:12]} healthy")[1]

    def kill(self, container):
        """As a crash: the engine sees an end that nobody asked it for and starts it again."""
        pid = self.inspect(container)[0]["State"]["Pid"]
        try:
            os.kill(pid, signal.SIGKILL)
        except (PermissionError, ProcessLookupError):  # not our machine's process
            run("docker", "kill", "--signal=KILL", container)
            run("docker", "start", container)

    def network(self, name):
        return f"{self.name}_{name}"

    def logs(self, service):
        return "".join(run("docker", "logs", c) for c in self.ids(service, everything=True))

    # ---- figures --------------------------------------------------------------------

    def metrics(self, container, port):
        """Prometheus text of a daemon's ops port, read inside its container."""
        ask = (f"exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'GET /metrics HTTP/1.1\\r\\nHost: "
               "localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3")
        return run("docker", "exec", container, "bash", "-c", ask)

    def counter(self, container, port, pattern):
        """Sum of the samples whose name and labels match."""
        text = self.metrics(container, port)
        return sum(float(m.group(1)) for m in
                   re.finditer(rf"^{pattern}\S* ([0-9.e+]+)$", text, re.M))

    def memory(self):
        """MiB in use, by service: of every replica."""
        rows, used = self.describe(), {}
        names = {c["Id"]: c["Config"]["Labels"][f"{LABEL}.service"] for c in rows}
        text = run("docker", "stats", "--no-stream", "--no-trunc", "--format",
                   "{{.ID}} {{.MemUsage}}", *names)
        for line in text.splitlines():
            found = re.match(r"(\w+) ([0-9.]+)([KMG])iB", line)
            if found:
                scale = {"K": 1 / 1024, "M": 1, "G": 1024}[found.group(3)]
                used.setdefault(names[found.group(1)], []).append(
                    round(float(found.group(2)) * scale, 1))
        return used

    # ---- the end --------------------------------------------------------------------

    def leftovers(self, volumes):
        """What of the project is still there: containers, networks, volumes."""
        mine = f"label={LABEL}.project={self.name}"
        there = {v: True for v in run("docker", "volume", "ls", "-q").split()}
        return (run("docker", "ps", "-aq", "--filter", mine).split()
                + run("docker", "network", "ls", "-q", "--filter", mine).split()
                + run("docker", "volume", "ls", "-q", "--filter", mine).split()
                + [v for v in volumes if v in there])

    def stuck_networks(self):
        """Networks of the project with nobody on them that the engine still does not remove."""
        mine = run("docker", "network", "ls", "-q", "--filter",
                   f"label={LABEL}.project={self.name}").split()
        return [n for n in mine if not self.inspect(n)[0]["Containers"]
                and "active endpoints" in run("docker", "network", "rm", n, check=False)]

    def remove_volumes(self):
        for v in run("docker", "volume", "ls", "-q", "--filter",
                     f"label={LABEL}.project={self.name}").split():
            run("docker", "volume", "rm", v, check=False)

    def volumes(self):
        return {m["Name"] for c in self.describe(everything=True)
                for m in c["Mounts"] if m["Type"] == "volume"}
