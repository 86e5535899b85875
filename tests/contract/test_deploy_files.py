"""compose.yaml, the Dockerfile and the package list, held against the daemons as they are
built: a setting, a library or a version that one of them misses is noticed without Docker."""

import re
import subprocess

import pytest
import yaml
from quintet import env

SERVICES = ("gateway", "auth", "catalog", "mailer", "monitor")
COMPOSE = yaml.safe_load((env.ROOT / "compose.yaml").read_text())
DOCKERFILE = (env.ROOT / "deploy" / "Dockerfile").read_text()
# A container's log is its standard output, its keys are where the image has them, and its
# name is the container's.
NOT_FOR_COMPOSE = {"LOG_FILE", "KEYS_DIR", "KEYS_PUBLIC_DIR"}
# Part of every Debian, or of the sanitizers.
OF_THE_SYSTEM = {"libc6", "libgcc-s1", "libcrypt1", "libasan8", "libubsan1"}
PACKAGES = (env.ROOT / "deploy" / "local" / "packages").read_text()


def settings(service):
    """Variable -> its other name or None, as --help lists them."""
    text = subprocess.run([env.BIN / service, "--help"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    found = re.findall(r"^  ([A-Z][A-Z0-9_]+), \S+\n +(.*)$", text, re.M)
    return {name: (re.search(r"; also ([A-Z0-9_]+)", about) or [None, None])[1]
            for name, about in found}


def in_image():
    return set(re.findall(r"^(?:ENV)? +([A-Z_]+)=\S", DOCKERFILE, re.M))


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_reaches_its_container(service):
    given = set(COMPOSE["services"][service]["environment"]) | in_image()
    own = {f"{service.upper()}_REPLICA", "POSTGRES_PASSWORD"}
    missing = set(settings(service)) - given - NOT_FOR_COMPOSE - own
    assert not missing, f"compose.yaml gives {service} no {sorted(missing)}"


@pytest.mark.parametrize("service", SERVICES)
def test_no_container_gets_what_it_does_not_know(service):
    known = settings(service)
    names = set(known) | set(known.values())
    # Whoever is on the database's network is told where it is.
    odd = {name for name in COMPOSE["services"][service]["environment"]
           if name not in names and not name.startswith("POSTGRES_")}
    assert not odd, f"{service} knows no {sorted(odd)}"


def test_the_image_says_the_version():
    said = re.search(r"^ARG VERSION=(\S+)", DOCKERFILE, re.M).group(1)
    assert said == (env.ROOT / "VERSION").read_text().strip()


def packages_of(kind):
    return set(re.findall(rf"^{kind}\s+(\S+)", PACKAGES, re.M))


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_has_the_libraries(service):
    """Those a daemon was linked with, by the package that owns the file."""
    needed = subprocess.run(["readelf", "-d", env.BIN / service], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    names = set(re.findall(r"\(NEEDED\).*\[(.*)\]", needed))
    said = subprocess.run(["dpkg", "-S", *(f"*/{name}" for name in names)], text=True,
                          check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    owners = {line.split(":")[0] for line in said.splitlines()}
    missing = owners - packages_of("image") - OF_THE_SYSTEM
    assert not missing, f"deploy/local/packages lacks: image {sorted(missing)}"


def keys_said_twice(node):
    """Each mapping's keys that stand in it more than once, with their lines."""
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value]
        for key, value in node.value:
            if names.count(key.value) > 1:
                yield f"{key.value} in line {key.start_mark.line + 1}"
            yield from keys_said_twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from keys_said_twice(item)


def test_no_key_stands_twice():
    """Compose v2 refuses such a file; docker-compose 1.29 takes the last."""
    tree = yaml.compose((env.ROOT / "compose.yaml").read_text())
    assert not list(keys_said_twice(tree))


def test_only_loopback_is_published():
    for name, service in COMPOSE["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} publishes {port}"
