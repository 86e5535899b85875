"""The curl examples of the original's README, word for word, against localhost:8000: in a
network of its own where that may be made (by root), on another port where not."""

import json
import os
import re
import subprocess
import sys

import pytest

from quintet import env
from quintet.local import LocalStack

REGISTER = r"""
curl -X POST http://localhost:8000/api/auth/register \
  -H "Content-Type: application/json" \
  -d '{
    "username": "testuser",
    "email": "test@example.com",
    "password": "testpass123",
    "password2": "testpass123"
  }'
"""

LOGIN = r"""
curl -X POST http://localhost:8000/api/auth/login \
  -H "Content-Type: application/json" \
  -d '{
    "username": "testuser",
    "password": "testpass123"
  }'
"""

CREATE_CATEGORY = r"""
curl -X POST http://localhost:8000/api/categories \
  -H "Authorization: Bearer <access_token>" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "Electronics",
    "description": "Electronic products"
  }'
"""

CREATE_PRODUCT = r"""
curl -X POST http://localhost:8000/api/products \
  -H "Authorization: Bearer <access_token>" \
  -H "Content-Type: application/json" \
  -d '{
    "name": "Laptop",
    "description": "High-performance laptop",
    "category": 1,
    "price": "999.99"
  }'
"""

# Brings up the loopback of a new network, then becomes the command.
LOOPBACK = ("import fcntl, os, socket, struct, sys; "
            "fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH22x', b'lo', 1)); "
            "os.execv(sys.argv[1], sys.argv[1:])")
MAY_MAKE_NETWORKS = subprocess.run(["unshare", "--net", "true"], stderr=subprocess.DEVNULL,
                                   check=False).returncode == 0


class PrivateStack(LocalStack):
    """`make run` with the ports that a reader of the README has."""

    command = ["unshare", "--net", "--", sys.executable, "-c", LOOPBACK, *LocalStack.command]

    def __init__(self):
        super().__init__(GATEWAY_PORT="8000", MONITOR_PORT="5555")
        self.gateway_port = 8000

    def shell(self):
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", "--", "bash"]


class NeighbourStack(LocalStack):
    def shell(self):
        return ["bash"]


@pytest.fixture(scope="module")
def local():
    with (PrivateStack if MAY_MAKE_NETWORKS else NeighbourStack)() as stack:
        yield stack


def run(local, script, token=None):
    """What the command prints, as JSON."""
    if token:
        script = script.replace("<access_token>", token)
    if local.gateway_port != 8000:
        script = script.replace("localhost:8000", f"localhost:{local.gateway_port}")
    done = subprocess.run([*local.shell(), "-c", script], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=env.seconds(30), check=False,
                          env=os.environ | {"no_proxy": "localhost"})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tokens(local):
    registered = run(local, REGISTER)
    assert registered == {"id": registered["id"], "username": "testuser",
                          "email": "test@example.com", "role": "USER"}
    answer = run(local, LOGIN)
    assert list(answer) == ["refresh", "access"]
    return answer


@pytest.fixture(scope="module")
def admin(local):
    """The README's category needs an administrator; there `createsuperuser` makes one."""
    run_dir, user = local.run_dir, "DJANGO_SUPERUSER_USERNAME=boss"
    subprocess.run(
        [*local.shell(), "-c", f". {run_dir}/env; {user} DJANGO_SUPERUSER_EMAIL=b@example.com "
         f"DJANGO_SUPERUSER_PASSWORD=a-long-passphrase {env.BIN}/auth createsuperuser "
         "--no-input"], check=True, stdout=subprocess.DEVNULL, timeout=env.seconds(30))
    return run(local, LOGIN.replace("testuser", "boss").replace("testpass123",
                                                                 "a-long-passphrase"))


@pytest.fixture(scope="module")
def category(local, admin):
    return run(local, CREATE_CATEGORY, admin["access"])


def test_register_and_login(tokens):
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", tokens["access"])


def test_create_a_category_as_admin(category):
    assert list(category) == ["id", "name", "description", "created_at"]
    assert (category["id"], category["name"], category["description"]) == \
        (1, "Electronics", "Electronic products")


def test_create_a_category_as_anybody_else(local, tokens):
    answer = run(local, CREATE_CATEGORY, tokens["access"])
    assert (answer["status_code"], answer["code"]) == (403, "permission_denied")


def test_create_a_product(local, tokens, category):
    product = run(local, CREATE_PRODUCT, tokens["access"])
    assert product == {"id": product["id"], "category_name": "Electronics",
                       "created_by": "testuser", "name": "Laptop",
                       "description": "High-performance laptop", "price": "999.99",
                       "created_at": product["created_at"], "category": category["id"]}


def test_register_twice(local, tokens):
    answer = run(local, REGISTER)
    assert answer["status_code"] == 400
    assert answer["details"]["username"] == ["A user with that username already exists."]


def test_the_health_check(local):
    assert run(local, "curl http://localhost:8000/health")["status"] == "healthy"
