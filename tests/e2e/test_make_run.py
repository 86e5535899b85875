"""The README's job on the stack of `make run`, and what its supervisor promises."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from quintet import env
from quintet.local import DAEMONS, LocalStack


@pytest.fixture(scope="module")
def local():
    with LocalStack() as stack:
        yield stack


def readme_script(local):
    """The shell blocks of the README, with this stack's places instead of the usual ones."""
    text = (env.ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) >= 5, "the README's job has lost its lines"
    script = "\n".join(blocks)
    for usual, here in ((r"localhost:8000", f"localhost:{local.gateway_port}"),
                        (r"\.run/", f"{local.run_dir}/"),
                        (r"build/release/bin", str(env.BIN))):
        assert re.search(usual, script)
        script = re.sub(usual, here, script)
    return script


@pytest.fixture(scope="module")
def job(local):
    """The JSON answers that the README's lines print, in order."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", readme_script(local)],
                          env=os.environ | {"AUTH_ARGON2_MEMORY_KIB": "1024"},
                          cwd=env.ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=env.seconds(60))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{local.output()}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_the_lines_of_the_readme_do_the_whole_job(job):
    registered, verified, category, product, listed = job
    assert registered == {"id": registered["id"], "username": "testuser",
                          "email": "test@example.com", "role": "USER"}
    assert verified == {"message": "Email verified"}
    assert (category["id"], category["name"]) == (1, "Electronics")
    assert product == {"id": product["id"], "category_name": "Electronics",
                       "created_by": "testuser", "name": "Laptop",
                       "description": "High-performance laptop", "price": "999.99",
                       "created_at": product["created_at"], "category": 1}
    assert listed["count"] == 1 and listed["results"] == [product]


def test_psql_sees_the_tables_of_a_service(local, job):
    shown = subprocess.run(
        [env.ROOT / "deploy/local/psql", "catalog", "-At", "-c", "select name from product"],
        env=os.environ | {"RUN_DIR": str(local.run_dir)}, text=True, cwd=env.ROOT,
        stdout=subprocess.PIPE, timeout=env.seconds(20), check=True)
    assert job and shown.stdout == "Laptop\n"


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def statuses(local):
    services = local.dashboard("/api/overview")["services"]
    return {s["name"]: [r["status"] for r in s["replicas"]] for s in services}


def test_the_dashboard_shows_five_daemons_and_the_mail(local, job):
    env.wait_until(lambda: statuses(local) == {d: ["up"] for d in DAEMONS}, 15,
                   "five daemons up on the dashboard")
    jobs = env.wait_until(
        lambda: [j for j in local.dashboard("/api/mails")["jobs"]
                 if j["template"] == "verification" and j["state"] == "sent"],
        15, "the verification mail is shown as sent")
    shown = local.dashboard(f"/api/mails/{jobs[0]['job_id']}")
    assert shown["recipient"] == "test@example.com"
    steps = [s["what"] for s in shown["timeline"]]
    assert steps[0] == "registered" and steps[-1] == "sent", steps
    assert "token=" not in json.dumps(shown), "the link must stay hidden"


def dashboard_status(local, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{local.monitor_port}{path}", body,
                                     {"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code


def test_only_the_readmes_administrator_comes_into_the_dashboard(local, job):
    def sign_in(name, password):
        body = json.dumps({"username": name, "password": password}).encode()
        return dashboard_status(local, "/api/session", body)

    assert dashboard_status(local, "/api/overview") == 401
    assert sign_in("admin", "a-long-passphrase") == 200
    assert sign_in("testuser", "testpass123") == 403
    assert sign_in("admin", "wrong") == 401


def login(local, password="testpass123"):
    body = json.dumps({"username": "testuser", "password": password}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{local.gateway_port}/api/auth/login", body,
        {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code
    except OSError:
        return 0


def product_count(local):
    """Ready daemons may still be connecting to each other: a 503 then, for a moment."""
    try:
        return get(local.gateway_port, "/api/products")["count"]
    except urllib.error.HTTPError as e:
        assert e.code == 503
        return None


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_killed_daemon_comes_back_and_the_job_goes_on(local, job, daemon):
    before = local.pids()[daemon]
    os.kill(before, signal.SIGKILL)
    env.wait_until(lambda: local.pids().get(daemon, before) != before, 15,
                   f"{daemon} is started again")
    env.wait_until(lambda: all(local.ops(d, "/readyz")[0] == 200 for d in DAEMONS), 30,
                   "all are ready again")
    # Not oftener than the limit of logins gives back what was used.
    env.wait_until(lambda: login(local) == 200, 30, "a user can log in", every=0.5)
    env.wait_until(lambda: product_count(local) == 1, 15, "the product is served")
    said = [line for line in local.output().splitlines() if daemon in line and "KILL" in line]
    assert said, f"the supervisor did not say that {daemon} was killed:\n{local.output()}"


def test_logs_go_on_after_a_rotation(local):
    log = local.run_dir / "logs" / "gateway.log"
    lines = log.read_text().splitlines()
    assert lines and len(lines) == len(set(lines)), "each line once"
    old = log.rename(log.with_suffix(".log.1"))
    os.kill(local.pids()["gateway"], signal.SIGHUP)
    env.wait_until(log.exists, 10, "HUP opens the log again")
    before = old.read_text()
    get(local.gateway_port, "/api/products")
    env.wait_until(lambda: '"/api/products"' in log.read_text(), 10, "the new file is used")
    assert old.read_text() == before


def test_a_taken_port_is_one_clear_sentence(local):
    second = LocalStack(GATEWAY_PORT=str(local.gateway_port))
    done = subprocess.run([str(env.ROOT / "deploy/local/run")], env=second.environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=env.seconds(60))
    second.__exit__()
    assert done.returncode == 69
    assert str(local.gateway_port) in done.stdout and "GATEWAY_PORT" in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1, done.stdout


def test_ctrl_c_leaves_nothing_behind_and_the_data_stays():
    with LocalStack() as stack:
        assert stack.processes(), "the search for processes finds nothing at all"
        assert stack.interrupt() == 0, stack.output()
        env.wait_until(lambda: not stack.processes(), 5,
                       f"no process is left: {stack.processes()}")
        stack.start()
        assert stack.interrupt() == 0


def test_a_refused_setting_is_shown_without_the_lines_of_earlier_runs():
    with LocalStack() as stack:
        assert stack.interrupt() == 0, stack.output()
        stack.environment["REDIS_URL"] = "rediss://127.0.0.1/0"
        done = subprocess.run(stack.command, env=stack.environment, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=env.seconds(60))
        assert done.returncode == 78 and "REDIS_URL asks for TLS" in done.stdout, done.stdout
        assert '"msg":"ready"' not in done.stdout, "that line is of the first run"
