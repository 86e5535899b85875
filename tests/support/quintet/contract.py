"""The contracts of proto/, read a second time, and a check of values against them."""

import json
import re

from . import env

FILES = ("auth", "catalog", "mailer", "monitor", "gateway", "control")

KEYWORDS = {
    "type", "properties", "required", "enum", "const", "minLength", "maxLength", "minimum",
    "maximum", "items", "minItems", "maxItems", "format", "default", "readOnly",
    "writeOnly", "description", "examples", "$ref", "x-digits", "x-places", "x-trim",
    "x-blank", "x-messages",
}

FORMATS = {
    "decimal": re.compile(r"-?\d+(\.\d+)?"),
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)"),
    "email": re.compile(r"[^@]+@.+|"),
    "username": re.compile(r".+"),
}

TYPES = {
    "string": str, "integer": int, "boolean": bool, "object": dict, "array": list,
    "null": type(None),
}


def read(name):
    return json.loads((env.PROTO / f"{name}.json").read_text(encoding="utf-8"))


class Contract:
    """All methods, events and errors of one set of files."""

    def __init__(self, files=None):
        self.files = files or {name: read(name) for name in FILES}
        self.errors = {row["number"]: row for row in read("errors")["errors"]}
        self.codes = {row["code"]: row["number"] for row in self.errors.values()}
        self.methods, self.events, self._root = {}, {}, {}
        for root in self.files.values():
            for method in root["methods"]:
                self.methods[method["name"]] = method
                self._root[method["name"]] = root
            for event in root.get("events", []):
                self.events[event["type"]] = event
                self._root[event["type"]] = root

    def number(self, method):
        return self.methods[method]["number"]

    def service(self, method):
        return self._root[method]["service"]

    def check(self, method, part, value):
        """Mistakes of a value against the `body`, `query` or `response` of a method (or
        the `payload` of an event), as sentences."""
        owner = self.methods.get(method) or self.events[method]
        return mistakes(owner[part], value, self._root[method])

    def check_response(self, method, value):
        found = self.check(method, "response", value)
        assert not found, f"{method}: {'; '.join(found)}\n{json.dumps(value, indent=1)}"


def resolve(schema, root):
    while "$ref" in schema:
        schema = root["types"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def _types(schema):
    kinds = schema["type"]
    return kinds if isinstance(kinds, list) else [kinds]


def _is(kind, value):
    if kind == "integer" and isinstance(value, bool):
        return False
    return isinstance(value, TYPES[kind])


def mistakes(schema, value, root, where="value"):
    """What is wrong with a value by a schema of the subset; an empty list when nothing."""
    schema = resolve(schema, root)
    unknown = set(schema) - KEYWORDS
    if unknown:
        return [f"{where}: unknown keywords {sorted(unknown)}"]
    if not any(_is(kind, value) for kind in _types(schema)):
        return [f"{where}: {value!r} is no {schema['type']}"]
    if value is None:
        return []
    found = [f"{where}: {text}" for text in _scalar_mistakes(schema, value)]
    if isinstance(value, dict):
        found += _member_mistakes(schema, value, root, where)
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += mistakes(schema.get("items", {"type": list(TYPES)}), item, root,
                              f"{where}[{i}]")
    return found


def _member_mistakes(schema, value, root, where):
    found = [f"{where}: {name} is missing" for name in schema.get("required", [])
             if name not in value]
    for name, sub in schema.get("properties", {}).items():
        if name in value:
            found += mistakes(sub, value[name], root, f"{where}.{name}")
    return found


def _scalar_mistakes(schema, value):
    size = len(value) if isinstance(value, (str, list)) else 0
    form = FORMATS.get(schema.get("format")) if isinstance(value, str) else None
    number = value if isinstance(value, int) else None
    checks = [
        ("enum" in schema and value not in schema["enum"], f"{value!r} is not in the enum"),
        ("const" in schema and value != schema["const"], f"{value!r} is not the constant"),
        (size < schema.get("minLength", 0), "too short"),
        (size > schema.get("maxLength", size), "too long"),
        (size < schema.get("minItems", 0), "too few items"),
        (size > schema.get("maxItems", size), "too many items"),
        (number is not None and number < schema.get("minimum", number), "too small"),
        (number is not None and number > schema.get("maximum", number), "too large"),
        (form and not form.fullmatch(value), f"{value!r} is no {schema.get('format')}"),
    ]
    return [text for wrong, text in checks if wrong]
