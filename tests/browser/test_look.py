"""The colours of look.md, computed: every text on every ground it may stand on, in both themes."""

import math
import gzip
import re

import pytest
from quintet import env

WEB = env.ROOT / "services" / "monitor" / "web"
TOKENS = env.ROOT / "lib" / "svc" / "web" / "tokens.css"
SHEETS = {"dashboard": WEB / "app.css",
          "docs": env.ROOT / "services" / "gateway" / "web" / "style.css",
          "mailed links": env.ROOT / "services" / "auth" / "pages" / "style.css"}
GROUNDS = ("bg", "panel", "sunk")
TEXTS = ("ink", "dim", "accent", "well", "attention", "broken")
BUDGET = {".css": 6_000, ".js": 42_000}  # bytes as they travel, packed


def colours(css):
    """{token: (light, dark)} of `--name: light-dark(a, b);`"""
    return {name: (a, b) for name, a, b in
            re.findall(r"--([\w-]+): light-dark\((oklch\([^)]*\)), (oklch\([^)]*\))\);", css)}


def luminance(oklch):
    """The relative luminance (WCAG) of an oklch() colour, by way of OKLab and linear sRGB."""
    lightness, chroma, hue = re.match(r"oklch\(([\d.]+)% ([\d.]+) ([\d.]+)\)", oklch).groups()
    lightness, chroma, hue = float(lightness) / 100, float(chroma), math.radians(float(hue))
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + .3963377774 * a + .2158037573 * b) ** 3
    medium = (lightness - .1055613458 * a - .0638541728 * b) ** 3
    short = (lightness - .0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + .2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - .3413193965 * short
    blue = -.0041960863 * long - .7034186147 * medium + 1.7076147010 * short
    return sum(w * min(1, max(0, v)) for w, v in zip((.2126, .7152, .0722), (red, green, blue)))


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + .05) / (low + .05)


@pytest.fixture(scope="module")
def tokens():
    found = colours(TOKENS.read_text())
    assert len(found) >= 14
    return found


def test_black_on_white_is_21():
    assert contrast("oklch(0% 0 0)", "oklch(100% 0 0)") == pytest.approx(21, abs=.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_can_be_read(tokens, theme):
    at = ("light", "dark").index(theme)
    pairs = [(t, g) for t in TEXTS for g in GROUNDS]
    pairs += [(t, f"{t}-tint") for t in ("accent", "well", "attention", "broken")]
    pairs += [("ink", f"{t}-tint") for t in ("accent", "well", "attention", "broken")]
    pairs += [("panel", "accent"), ("panel", "ink")]
    low = {p: round(contrast(tokens[p[0]][at], tokens[p[1]][at]), 2) for p in pairs}
    assert {p: c for p, c in low.items() if c < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_marks_and_focus_can_be_seen(tokens, theme):
    at = ("light", "dark").index(theme)
    pairs = [(t, g) for t in ("accent", "well", "attention", "broken", "dim") for g in GROUNDS]
    assert {p: c for p in pairs if (c := contrast(tokens[p[0]][at], tokens[p[1]][at])) < 3} == {}


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
def test_nothing_names_a_colour_elsewhere(sheet):
    """Colours come from tokens, so that both themes are complete and the same on all pages."""
    css = sheet.read_text()
    assert not re.findall(r"(?<![\w-])#[0-9a-f]{3,8}\b|rgb\(|hsl\(|light-dark\(", css)
    own = re.findall(r"(--[\w-]+):", css)
    used = set(re.findall(r"var\((--[\w-]+)", css)) - set(own)
    known = set(re.findall(r"(--[\w-]+):", TOKENS.read_text()))
    assert used and used <= known and not known & set(own)


def test_pages_stay_small():
    for ending, most in BUDGET.items():
        ahead = TOKENS.read_bytes() if ending == ".css" else b""
        size = sum(len(gzip.compress(ahead + f.read_bytes(), 9)) for f in WEB.glob(f"*{ending}"))
        assert size <= most, f"{ending}: {size} bytes"


def test_scripts_never_write_markup():
    """Text only becomes text: no sink for markup, no code from strings, nothing inline."""
    for file in WEB.glob("*.js"):
        text = file.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|\beval\(|new Function|DOMParser|"
                             r"setAttribute\('(on|style)", text), file.name
    page = (WEB / "index.html").read_text()
    assert not re.search(r"<style|<script(?![^>]* src=)|\son\w+=|\sstyle=", page)
