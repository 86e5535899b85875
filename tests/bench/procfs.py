"""What the kernel knows about processes: CPU time, threads, memory, who belongs to whom.

Every figure is read from /proc, so nothing has to be built into the daemons and Postgres is
measured the same way. CPU is user + system, in seconds, to the clock tick (10 ms), which is
0.2 % of a five second run.
"""
import os

TICK = os.sysconf("SC_CLK_TCK")
DAEMONS = ("gateway", "auth", "catalog", "mailer", "monitor")
VERBS = {"migrate", "keygen", "keys", "call", "check-config", "healthcheck", "version",
         "createsuperuser"}


def read(path):
    """The bytes of a /proc file; empty when the process is gone or not ours to see."""
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def stat_fields(path):
    """Name and fields 3.. of a stat file (the name may hold spaces and brackets)."""
    text = read(path).decode(errors="replace")
    if ")" not in text:
        return None, []
    name = text[text.index("(") + 1:text.rindex(")")]
    return name, text[text.rindex(")") + 2:].split()


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent(pid):
    fields = stat_fields(f"/proc/{pid}/stat")[1]
    return int(fields[1]) if fields else 0


def started(pid):
    """Start time in ticks since boot: with the pid it names a process for good."""
    fields = stat_fields(f"/proc/{pid}/stat")[1]
    return int(fields[19]) if fields else None


def cpu(pid):
    """(user, system) of a process and of the children it has waited for."""
    fields = stat_fields(f"/proc/{pid}/stat")[1]
    if not fields:
        return 0.0, 0.0
    utime, stime, cutime, cstime = (int(x) / TICK for x in fields[11:15])
    return utime + cutime, stime + cstime


def thread_cpu(pid):
    """CPU by thread name; threads of one name are added up."""
    result = {}
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return result
    for task in tasks:
        name, fields = stat_fields(f"/proc/{pid}/task/{task}/stat")
        if fields:
            used = (int(fields[11]) + int(fields[12])) / TICK
            result[name] = result.get(name, 0.0) + used
    return result


def pss_kib(pid):
    """Proportional set size: shared pages divided among those who share them."""
    for line in read(f"/proc/{pid}/smaps_rollup").decode().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def executable(pid):
    try:
        path = os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""
    return path.removesuffix(" (deleted)")


def role(pid):
    """The name a process goes by in the report."""
    program = os.path.basename(executable(pid))
    if program in DAEMONS:
        return program
    if program.startswith("postgres"):
        return "Postgres"
    if program.startswith("redis"):
        return "Redis"
    return "supervisor"


def is_daemon(pid, name):
    """The daemon itself, not one of its verbs (`auth migrate` is the same program)."""
    if os.path.basename(executable(pid)) != name:
        return False
    words = read(f"/proc/{pid}/cmdline").decode(errors="replace").split("\0")
    return not VERBS.intersection(words[1:])


def mentions(pid, text):
    """A path appears in a process's command line or environment."""
    needle = text.encode()
    return needle in read(f"/proc/{pid}/cmdline") or needle in read(f"/proc/{pid}/environ")


def family(root, run_dir):
    """{pid: role} of the processes of one stack: the supervisor, whoever mentions its run
    directory (a postmaster that was started as a daemon is nobody's child), and all their
    descendants. This process and what it started otherwise are left out."""
    parents = {pid: parent(pid) for pid in all_pids()}
    roots = {pid for pid in parents if pid == root or mentions(pid, run_dir)}
    outside = {os.getpid()}
    result = {}
    for pid in parents:
        chain, at = [], pid
        while at in parents and at not in chain:
            chain.append(at)
            if at in outside:
                break
            if at in roots:
                result[pid] = role(pid)
                break
            at = parents[at]
    return result


class Cpu:
    """A reading of the CPU of some processes; subtract two of them."""

    def __init__(self, processes):
        self.user, self.system, self.threads = {}, {}, {}
        for pid, name in processes.items():
            user, system = cpu(pid)
            self.user[name] = self.user.get(name, 0.0) + user
            self.system[name] = self.system.get(name, 0.0) + system
            if name in ("gateway", "catalog", "auth"):
                mine = self.threads.setdefault(name, {})
                for thread, used in thread_cpu(pid).items():
                    mine[thread] = mine.get(thread, 0.0) + used

    def total(self):
        return sum(self.user.values()) + sum(self.system.values())

    def since(self, before, requests):
        """Microseconds per request, by process and by thread."""
        def per(now, then):
            return {k: (v - then.get(k, 0.0)) * 1e6 / requests for k, v in now.items()}
        return {
            "user": per(self.user, before.user),
            "system": per(self.system, before.system),
            "threads": {name: per(threads, before.threads.get(name, {}))
                        for name, threads in self.threads.items()},
        }


def machine_seconds():
    """(all, used by processes, stolen by the hypervisor) seconds of all processors so far."""
    words = read("/proc/stat").split(b"\n", 1)[0].split()[1:9]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(x) / TICK for x in words)
    used = user + nice + system
    return used + idle + iowait + irq + softirq + steal, used, steal


def machine():
    """What the figures were measured on."""
    model = "unknown"
    for line in read("/proc/cpuinfo").decode(errors="replace").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = int(read("/proc/meminfo").split()[1]) // 1024
    return {"cpu": model, "cores": os.cpu_count(), "memory_mib": memory,
            "kernel": os.uname().release}
