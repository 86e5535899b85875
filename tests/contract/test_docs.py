"""What the pages name is there: files, make targets, settings, metrics."""

import re
import subprocess

import pytest
from quintet import env

SERVICES = ("gateway", "auth", "catalog", "mailer", "monitor")
PAGES = subprocess.run(["git", "ls-files", "*.md"], cwd=env.ROOT, check=True, text=True,
                       stdout=subprocess.PIPE).stdout.split()
# Settings of the scripts and of Compose, and of Django.
OTHER_SETTINGS = {"RUN_DIR", "BIN_DIR", "GATEWAY_PORT", "MONITOR_PORT", "DJANGO_DEBUG"}
OTHER_PREFIXES = ("DJANGO_SUPERUSER_", "QUINTET_")


def text_of(page):
    return (env.ROOT / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def settings():
    said = "".join(subprocess.run([env.BIN / name, "--help"], check=True, text=True,
                                  stdout=subprocess.PIPE).stdout for name in SERVICES)
    return set(re.findall(r"^  ([A-Z][A-Z0-9_]+),", said, re.M)) \
        | set(re.findall(r"; also ([A-Z0-9_]+)", said))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    folder = (env.ROOT / page).parent
    for target, anchor in re.findall(r"\]\(([^)#]*)(#[^)]*)?\)", text_of(page)):
        if re.match("https?:", target):
            continue
        found = folder / target if target else env.ROOT / page
        assert found.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", found.read_text(encoding="utf-8"), re.M)
            assert anchor[1:] in [re.sub(r"[^a-z0-9 -]", "", t.lower()).replace(" ", "-")
                                  for t in titles], target + anchor


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_are_there(page):
    rules = text_of("Makefile") + text_of("tests/bench/module.mk")
    for block in re.findall(r"`([^`\n]+)`|^ {4}(.+)$", text_of(page), re.M):
        for target in re.findall(r"^make ([a-z][a-z-]*)", "".join(block)):
            assert re.search(rf"^{target}:", rules, re.M), target


@pytest.mark.parametrize("page", PAGES)
def test_settings_are_there(page, settings):
    """Names that begin as our settings do; what else is in capitals is not ours."""
    ours = {name.split("_")[0] for name in settings}
    for name in re.findall(r"\b[A-Z]+_[A-Z0-9_]*[A-Z0-9]\b", text_of(page)):
        if name.split("_")[0] in ours and not name.startswith(OTHER_PREFIXES):
            assert {name, name.removesuffix("_FILE")} & (settings | OTHER_SETTINGS), name


def test_alarms_are_of_metrics_that_exist():
    sources = "".join(path.read_text() for pattern in ("lib/svc/*.c", "services/*/*.[ch]")
                      for path in env.ROOT.glob(pattern))
    rows = re.findall(r"^\| (`.+?) \|", text_of("docs/OPERATIONS.md"), re.M)
    names = set(re.findall(r"`([a-z]+_[a-z_]+)(?:\{[^}]*\})?`", "".join(rows)))
    assert len(names) > 10
    assert not [name for name in names if f'"{name}"' not in sources]
