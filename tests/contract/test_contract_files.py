"""The files of proto/ themselves: sound, and no release is broken."""

import copy
import json
import re

import pytest
from freeze import merged
from quintet import contract as contracts
from quintet import env, released

METHODS = [(root, m) for root in map(contracts.read, contracts.FILES)
           for m in root["methods"]]
IDS = [m["name"] for _, m in METHODS]
RELEASES = sorted((env.PROTO / "released").glob("*.json"))


@pytest.mark.parametrize("root, method", METHODS, ids=IDS)
def test_examples_fit_their_schemas(root, method):
    assert method["examples"], "every method has an example"
    partial = method.get("http", {}).get("verb") == "PATCH"
    for example in method["examples"]:
        for part in ("body", "response"):
            if part in example:
                schema = contracts.resolve(method[part], root)
                if part == "body" and partial:
                    schema = {**schema, "required": []}
                assert contracts.mistakes(schema, example[part], root) == []
        assert len(example.get("path", [])) == len(method.get("params", {}))


@pytest.mark.parametrize("root, method", METHODS, ids=IDS)
def test_required_body_has_an_example(root, method):
    schema = contracts.resolve(method.get("body", {"type": "object"}), root)
    if schema.get("required"):
        assert any("body" in e for e in method["examples"])


@pytest.mark.parametrize("root, method", METHODS, ids=IDS)
def test_schemas_use_the_subset(root, method):
    def walk(schema):
        schema = contracts.resolve(schema, root)
        assert not set(schema) - contracts.KEYWORDS
        for sub in [*schema.get("properties", {}).values(), schema.get("items")]:
            if sub:
                walk(sub)

    for part in ("body", "query", "response"):
        if part in method:
            walk(method[part])


def test_the_kinds_of_mail_are_those_that_have_templates():
    kinds = contracts.read("mailer")["types"]["mail_kind"]["enum"]
    files = (env.ROOT / "services/mailer/templates").glob("*.subject")
    assert sorted(kinds) == sorted(f.stem for f in files)


def test_numbers_and_names_are_unique_and_in_range():
    numbers = [m["number"] for _, m in METHODS]
    assert len(set(numbers)) == len(numbers)
    assert len(set(IDS)) == len(IDS)
    for root, method in METHODS:
        low, high = root["numbers"]
        assert low <= method["number"] <= high
    ranges = sorted(contracts.read(name)["numbers"] for name in contracts.FILES)
    assert all(a[1] < b[0] for a, b in zip(ranges, ranges[1:]))


@pytest.mark.parametrize("root, method", METHODS, ids=IDS)
def test_path_template_and_params_agree(root, method):
    path = method.get("http", {}).get("path", "")
    assert re.findall(r"{(\w+)}", path) == list(method.get("params", {}))
    assert not path.endswith("/")


def test_routes_are_unique():
    routes = [(m["http"]["verb"], re.sub(r"{\w+}", "{}", m["http"]["path"]))
              for _, m in METHODS if "http" in m]
    assert len(set(routes)) == len(routes)


def test_errors_and_events_exist():
    codes = {row["code"] for row in contracts.read("errors")["errors"]}
    for root, method in METHODS:
        assert set(method.get("errors", [])) <= codes, method["name"]
        events = {e["type"] for e in root.get("events", [])}
        assert set(method.get("emits", [])) <= events, method["name"]


@pytest.mark.skipif(not RELEASES, reason="no release is frozen yet")
def test_no_release_is_broken():
    now = merged()
    for path in RELEASES:
        assert released.compare(json.loads(path.read_text()), now) == [], path.name


# --- the comparison itself ------------------------------------------------------------------

def method_of(root, name):
    return next(m for m in root["files"][name.split(".")[0]]["methods"]
                if m["name"] == name)


def in_create(change):
    """Applies a change to the body and the answer of catalog.product.create."""
    def apply(root):
        types = root["files"]["catalog"]["types"]
        change(types["product_body"], types["product"])
    return apply


CHANGES = [
    ("nothing", lambda r: None, None),
    ("method removed", lambda r: r["files"]["auth"]["methods"].pop(0), "is gone"),
    ("number changed", lambda r: method_of(r, "auth.login").update(number=199), "number"),
    ("path changed", lambda r: method_of(r, "auth.login")["http"].update(path="/x"), "path"),
    ("success changed", lambda r: method_of(r, "auth.login")["http"].update(success=201),
     "success"),
    ("more rights", lambda r: method_of(r, "auth.login").update(auth="admin"), "rights"),
    ("fewer rights", lambda r: method_of(r, "catalog.product.create").update(auth="none"),
     None),
    ("peer lost", lambda r: method_of(r, "auth.login").update(peers=["gateway"]), "peers"),
    ("error lost", lambda r: method_of(r, "auth.login").update(errors=[]), "error"),
    ("new error", lambda r: method_of(r, "auth.login")["errors"].append("conflict"), None),
    ("summary", lambda r: method_of(r, "auth.login").update(summary="Other words"), None),
    ("event removed", lambda r: r["files"]["auth"]["events"].pop(), "event"),
    ("error number", lambda r: r["errors"][0].update(number=1999), "number or status"),
    ("new optional field", in_create(lambda b, p: b["properties"].update(
        x={"type": "string"})), None),
    ("new required field", in_create(lambda b, p: (b["properties"].update(
        x={"type": "string"}), b["required"].append("x"))), "is needed now"),
    ("optional becomes required", in_create(lambda b, p: b["required"].append(
        "description")), "is needed now"),
    ("required becomes optional", in_create(lambda b, p: b["required"].remove("price")),
     None),
    ("field no longer read", in_create(lambda b, p: b["properties"].pop("description")),
     None),
    ("type changed", in_create(lambda b, p: b["properties"]["name"].update(
        type="integer")), "another type"),
    ("null allowed", in_create(lambda b, p: b["properties"]["name"].update(
        type=["string", "null"])), None),
    ("shorter", in_create(lambda b, p: b["properties"]["name"].update(maxLength=100)),
     "narrower"),
    ("longer", in_create(lambda b, p: b["properties"]["name"].update(maxLength=300)), None),
    ("new bound", in_create(lambda b, p: b["properties"]["price"].update(maximum=9)),
     "narrower"),
    ("answer lost a field", in_create(lambda b, p: p["properties"].pop("price")), "is gone"),
    ("answer has a new field", in_create(lambda b, p: p["properties"].update(
        x={"type": "string"})), None),
    ("answer may lack a field", in_create(lambda b, p: p["required"].remove("price")),
     "may be missing"),
    ("answer may be null", in_create(lambda b, p: p["properties"]["price"].update(
        type=["string", "null"])), "may be null"),
    ("answer is never null", in_create(lambda b, p: p["properties"]["created_by"].update(
        type="string")), None),
    ("answer has new values", lambda r: r["files"]["auth"]["types"]["user"]["properties"]
     ["role"]["enum"].append("BOSS"), "new values"),
    ("answer has fewer values", lambda r: r["files"]["auth"]["types"]["user"]["properties"]
     ["role"]["enum"].pop(), None),
]


@pytest.mark.parametrize("change, expected", [c[1:] for c in CHANGES],
                         ids=[c[0] for c in CHANGES])
def test_comparison(change, expected):
    old = merged()
    new = copy.deepcopy(old)
    change(new)
    found = released.compare(old, new)
    if expected is None:
        assert found == []
    else:
        assert found and any(expected in text for text in found), found
