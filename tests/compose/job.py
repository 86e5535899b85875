"""The README's job through the containers, and what a container of ours may not have."""

import os
import pty
import re
import select
import time

from engine import Failed, seconds, wait_until
from load import Api

DAEMONS = ("gateway", "auth", "catalog", "mailer", "monitor")
PUBLISHED = {"proxy", "monitor", "mailcatcher"}
ADMIN = ("admin", "admin@example.com", "a-long-passphrase")


# ---- what the containers are --------------------------------------------------------------

def last_client(stack):
    """Whom the gateway took the latest request to be from."""
    Api(stack.port).call("GET", "/health")
    return re.findall(r'"msg":"request","client":"([^"]*)"', stack.project.logs("gateway"))[-1]


def check_client(stack, report):
    """A gateway that is older than the proxy learns its address at the next look-up."""
    proxies = [n["IPAddress"] for c in stack.project.describe("proxy")
               for n in c["NetworkSettings"]["Networks"].values()]
    try:
        wait_until(lambda: last_client(stack) not in proxies, 15, "the proxy is trusted", 1)
        report.check("the gateway sees the client's address, not the proxy's", True)
    except Failed as why:
        report.check("the gateway sees the client's address, not the proxy's", False, str(why))


def check_health(stack, report):
    status, health = Api(stack.port).call("GET", "/health")
    report.check("/health is healthy through the proxy",
                 status == 200 and health["status"] == "healthy", health)
    status, page = Api(stack.monitor_port).call("GET", "/")
    report.check("the dashboard answers", status in (200, 302, 303, 401), f"{status} {page}")


def faults_of(c, service):
    """What a container of the project has that it must not have, or lacks."""
    host, config = c["HostConfig"], c["Config"]
    exempt = service == "db"  # its image starts as root and becomes postgres
    # What runs as itself, whatever the image says: the proxy's image has a user of its own.
    user = "99" if service == "proxy" else "65532:65532"
    wrong = []
    if not exempt and config["User"] not in (user, "haproxy"):
        wrong.append(f"runs as '{config['User']}'")
    if not exempt and not host["ReadonlyRootfs"]:
        wrong.append("a writable root")
    if not exempt and host["CapDrop"] != ["ALL"]:
        wrong.append(f"capabilities but {host['CapDrop']}")
    if host["CapAdd"] or host["Privileged"]:
        wrong.append("added capabilities")
    if not any(o.startswith("no-new-privileges") for o in host["SecurityOpt"] or []):
        wrong.append("new privileges")
    if not host["Memory"] or not host["PidsLimit"] or host["PidsLimit"] < 1:
        wrong.append("no memory or process limit")
    if "max-size" not in host["LogConfig"]["Config"]:
        wrong.append("a log without end")
    for bindings in (host["PortBindings"] or {}).values():
        if service not in PUBLISHED or any(b["HostIp"] != "127.0.0.1" for b in bindings):
            wrong.append(f"published {bindings}")
    if any(m["Type"] != "volume" for m in c["Mounts"]):
        wrong.append("a mount that is no volume")
    return wrong


def foreign_keys(c, service):
    """Key directories of others that a container sees."""
    own = service.replace("migrate-", "")
    allowed = {f"/keys/keys-{own}", "/keys/keys-public"}
    if service.startswith("migrate-"):
        allowed.add("/keys/keys-db")
    return [m["Destination"] for m in c["Mounts"] if m["Destination"].startswith("/keys")
            and (m["Destination"] not in allowed or m["RW"])]


def check_hardening(stack, report):
    wrong, keys, exposed = [], [], []
    for c in stack.project.describe(everything=True):
        service = c["Config"]["Labels"]["com.docker.compose.service"]
        wrong += [f"{service}: {what}" for what in faults_of(c, service)]
        if service != "keys":
            keys += [f"{service}: {path}" for path in foreign_keys(c, service)]
            exposed += [service for e in c["Config"]["Env"] if e == "POSTGRES_PASSWORD=django_pass"]
        if service in DAEMONS:
            test = c["Config"].get("Healthcheck", {}).get("Test")
            if test != ["CMD", service, "healthcheck"]:
                wrong.append(f"{service}: health check {test}")
    report.check("no container has more than it needs", not wrong, wrong)
    report.check("each sees its own keys only, read-only", not keys, keys)
    report.check("the database's password is in nobody's environment", not exposed, exposed)


# ---- the job ------------------------------------------------------------------------------

def printed_token(stack):
    """From the mail that the console backend printed into the mailer's log."""
    found = re.search(r"verify-email\?token=([A-Za-z0-9_-]{43})", stack.project.logs("mailer"))
    return found and found.group(1)


def type_at(command, dialogue, ends_with, env, cwd):
    """Runs a command on a terminal and answers what it asks: [(prompt, answer)]."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execvpe(command[0], command, env)
    seen = b""
    try:
        for prompt, answer in [*dialogue, (ends_with, None)]:
            end = time.monotonic() + seconds(30)
            while prompt.encode() not in seen:
                ready, _, _ = select.select([terminal], [], [], end - time.monotonic())
                chunk = os.read(terminal, 4096) if ready else b""
                if not chunk:
                    raise Failed(f"waited for '{prompt}', saw: {seen[-400:]!r}")
                seen += chunk
            if answer is None:
                break
            seen = seen[seen.index(prompt.encode()) + len(prompt):]
            os.write(terminal, answer.encode() + b"\n")
    except OSError as why:
        raise Failed(f"the terminal closed ({why}): {seen[-400:]!r}") from why
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def make_admin(stack, report):
    name, address, password = ADMIN
    command = [*stack.project.command, "exec", "auth", "auth", "createsuperuser"]
    type_at(command, [("Username: ", name), ("Email address: ", address),
                      ("Password: ", password), ("Password (again): ", password)],
            "Superuser created successfully", stack.project.env, stack.clone)
    report.check("createsuperuser asks its questions on the terminal", True)
    said = stack.project.compose(
        "exec", "-T", "-e", "DJANGO_SUPERUSER_USERNAME=second",
        "-e", "DJANGO_SUPERUSER_EMAIL=second@example.com",
        "-e", "DJANGO_SUPERUSER_PASSWORD=a-long-passphrase", "auth", "auth",
        "createsuperuser", "--no-input")
    report.check("createsuperuser --no-input", "created successfully" in said, said)


def readme(stack, report):
    report.step("the README's job")
    api = Api(stack.port)
    status, user = api.call("POST", "/api/auth/register", {
        "username": "testuser", "email": "test@example.com", "password": "testpass123",
        "password2": "testpass123"})
    report.check("register", status == 201 and user["username"] == "testuser", user)
    token, took = wait_until(lambda: printed_token(stack), 20, "the mail in the mailer's log")
    report.figure("mail printed after", f"{took:.1f} s")
    status, value = api.call("POST", "/api/auth/verify-email", {"token": token})
    report.check("verify", status == 200, value)
    status, login = api.call("POST", "/api/auth/login",
                             {"username": "testuser", "password": "testpass123"})
    report.check("login", status == 200 and {"access", "refresh"} <= set(login), login)
    stack.user_token = login["access"]
    make_admin(stack, report)
    status, login = api.call("POST", "/api/auth/login",
                             {"username": ADMIN[0], "password": ADMIN[2]})
    report.check("login of the administrator", status == 200, login)
    status, category = api.call("POST", "/api/categories", {
        "name": "Electronics", "description": "Electronic products"}, login["access"])
    report.check("category", status == 201, category)
    stack.category = category["id"]
    status, product = api.call("POST", "/api/products", {
        "name": "Laptop", "description": "High-performance laptop",
        "category": stack.category, "price": "999.99"}, stack.user_token)
    report.check("product", status == 201 and product["price"] == "999.99", product)
    status, products = api.call("GET", "/api/products")
    report.check("list of products", status == 200 and products["count"] == 1, products)
