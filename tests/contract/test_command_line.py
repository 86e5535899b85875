"""The command line that all daemons share, as somebody meets it who has read nothing."""

import os
import subprocess

import pytest
from quintet import env

SERVICES = ("gateway", "auth", "catalog", "mailer", "monitor")
VERBS = ("serve", "keygen", "check-config", "healthcheck", "call", "version")


def run(folder, service, *arguments):
    """In an empty folder and without a setting, so that what it makes is seen."""
    keep = {name: value for name, value in os.environ.items()
            if name in ("PATH", "LSAN_OPTIONS")}
    return subprocess.run([env.BIN / service, *arguments], cwd=folder, env=keep, text=True,
                          check=False, capture_output=True, timeout=30)


@pytest.mark.parametrize("service", SERVICES)
def test_asking_a_verb_for_help_does_nothing_else(tmp_path, service):
    for verb in VERBS:
        done = run(tmp_path, service, verb, "--help")
        assert done.returncode == 0, (verb, done.stderr)
        assert done.stdout.startswith(f"Usage of {service}:\n  {verb} "), verb
    assert not list(tmp_path.iterdir()), "a key was made by asking for help"


@pytest.mark.parametrize("service", SERVICES)
def test_help_lists_what_this_daemon_has(tmp_path, service):
    listed = run(tmp_path, service, "--help").stdout
    for verb in VERBS:
        assert f"\n  {verb} " in listed, verb
    assert ("\n  migrate " in listed) == (service != "gateway")


def test_a_wrong_word_is_answered_with_the_right_ones(tmp_path):
    for arguments in (("keygen", "--dri", "x"), ("keygen", "--dir"), ("migrate", "--now")):
        done = run(tmp_path, "auth", *arguments)
        assert done.returncode == 64 and f"  {arguments[0]} [--" in done.stderr, arguments
    assert not list(tmp_path.iterdir())


def test_the_version_by_flag_and_by_verb(tmp_path):
    said = run(tmp_path, "auth", "--version").stdout
    assert said == run(tmp_path, "auth", "version").stdout
    assert (env.ROOT / "VERSION").read_text().strip() in said


@pytest.mark.parametrize("service", SERVICES)
def test_without_keys_a_daemon_says_what_to_do(tmp_path, service):
    done = run(tmp_path, service)
    assert done.returncode == 78
    assert "does not exist" in done.stdout + done.stderr
    assert f"`{service} keygen --dir ROOT`" in done.stderr and "QUINTET_KEYS" in done.stderr
