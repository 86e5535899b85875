"""What a change of the contracts breaks for those who know the released ones.

Direction decides: a request may only loosen, an answer or event may only tighten.
"""

from .contract import resolve

AUTH = ("none", "optional", "user", "admin")
IN, OUT = "request", "answer"
# keyword -> which way it narrows: +1 when a larger number does
BOUNDS = {"minLength": 1, "minItems": 1, "minimum": 1, "maxLength": -1, "maxItems": -1,
          "maximum": -1, "x-digits": -1, "x-places": -1}


def compare(old, new):
    """Sentences about what breaks between two merged contracts (see freeze.py)."""
    found = []
    for name, service in old["files"].items():
        now = new["files"].get(name)
        if now is None:
            found.append(f"{name}: the file is gone")
            continue
        found += _methods(service, now)
        found += _events(service, now)
    return found + _errors(old["errors"], new["errors"])


def _errors(old, new):
    now = {row["code"]: row for row in new}
    found = []
    for row in old:
        if row["code"] not in now:
            found.append(f"error {row['code']} is gone")
        elif any(row[k] != now[row["code"]][k] for k in ("number", "status")):
            found.append(f"error {row['code']} has another number or status")
    return found


def _methods(old, new):
    now = {m["name"]: m for m in new["methods"]}
    found = []
    for was in old["methods"]:
        name = was["name"]
        if name not in now:
            found.append(f"{name} is gone")
            continue
        found += [f"{name}: {text}" for text in _method(was, now[name])]
        for part, way in (("body", IN), ("query", IN), ("response", OUT)):
            found += _part(was, now[name], part, way, (old, new))
    return found


def _method(was, now):
    checks = [
        (was["number"] != now["number"], "has another number"),
        (was.get("http") != now.get("http") and was.get("http"),
         "has another verb, path or success"),
        (AUTH.index(now["auth"]) > AUTH.index(was["auth"]), "asks for more rights"),
        (set(was["peers"]) - set(now["peers"]), "serves fewer peers"),
        (set(was.get("errors", [])) - set(now.get("errors", [])), "lost an error"),
        (was.get("produces") != now.get("produces"), "answers in another media type"),
        (was["retry"] == "safe" and now["retry"] != "safe", "may no longer be repeated"),
    ]
    return [text for broken, text in checks if broken]


def _part(was, now, part, way, roots):
    where = f"{was['name']}.{part}"
    if part not in was:
        needed = part in now and resolve(now[part], roots[1]).get("required")
        return [f"{where}: is needed now"] if needed and way == IN else []
    if part not in now:
        return [f"{where}: is gone"] if way == OUT else []
    return _schema(was[part], now[part], way, roots, where)


def _events(old, new):
    now = {e["type"]: e for e in new.get("events", [])}
    found = []
    for was in old.get("events", []):
        event = now.get(was["type"])
        if not event or event["stream"] != was["stream"]:
            found.append(f"event {was['type']} is gone or in another stream")
        elif event["version"] == was["version"]:
            found += _schema(was["payload"], event["payload"], OUT, (old, new), was["type"])
    return found


def _types(schema):
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return set(kinds) - {"null"}, "null" in kinds


def _schema(was, now, way, roots, where):
    was, now = resolve(was, roots[0]), resolve(now, roots[1])
    (kinds_was, null_was), (kinds_now, null_now) = _types(was), _types(now)
    if kinds_was != kinds_now:
        return [f"{where}: has another type"]
    found = []
    if null_was and not null_now and way == IN:
        found.append(f"{where}: may no longer be null")
    if null_now and not null_was and way == OUT:
        found.append(f"{where}: may be null now")
    if was.get("format") != now.get("format"):
        found.append(f"{where}: has another format")
    found += _bounds(was, now, way, where) + _choices(was, now, way, where)
    found += _members(was, now, way, roots, where)
    if "items" in was and "items" in now:
        found += _schema(was["items"], now["items"], way, roots, f"{where}[]")
    return found


def _narrower(a, b, sign):
    """Whether bound b is narrower than a; None is no bound."""
    if b is None:
        return False
    return a is None or (b - a) * sign > 0


def _bounds(was, now, way, where):
    found = []
    for keyword, sign in BOUNDS.items():
        a, b = was.get(keyword), now.get(keyword)
        if way == IN and _narrower(a, b, sign):
            found.append(f"{where}: {keyword} is narrower")
        if way == OUT and _narrower(b, a, sign):
            found.append(f"{where}: {keyword} is wider")
    return found


def _choices(was, now, way, where):
    a, b = was.get("enum"), now.get("enum")
    if way == IN and b is not None and (a is None or set(a) - set(b)):
        return [f"{where}: takes fewer values"]
    if way == OUT and a is not None and (b is None or set(b) - set(a)):
        return [f"{where}: may have new values"]
    return []


def _members(was, now, way, roots, where):
    found = []
    needed_was, needed_now = set(was.get("required", [])), set(now.get("required", []))
    members_now = now.get("properties", {})
    if way == IN:
        found += [f"{where}.{n}: is needed now" for n in sorted(needed_now - needed_was)]
    else:
        found += [f"{where}.{n}: may be missing now" for n in
                  sorted(needed_was - needed_now) if n in members_now]
    for name, sub in was.get("properties", {}).items():
        if name in members_now:
            found += _schema(sub, members_now[name], way, roots, f"{where}.{name}")
        elif way == OUT:
            found.append(f"{where}.{name}: is gone")
    return found
