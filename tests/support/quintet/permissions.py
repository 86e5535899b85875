"""Who may do what, as the contracts say it: `python3 tests/support/permissions` writes the
table of docs/PERMISSIONS.md, and tests/e2e/test_permissions.py holds the daemons to it."""

from .contract import Contract

ACTORS = ("anonymous", "other user", "owner", "admin", "deactivated", "expired token")
SERVED, REFUSED, FORBIDDEN = "yes", "401", "403"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")

HEAD = """# Who may do what

Written by `tests/support/permissions` from `proto/*.json`; a test holds every cell against the
daemons, and fails when this page is not what the script writes.

- **yes**: the request reaches the method. **401**: who asks is not known. **403**: who asks is
  known and may not.
- *Owner* is who made the object. Where no object has an owner, the owner is any other user.
- *Deactivated* is a user whose account was deactivated after the token was given out; *expired
  token* is a genuine one after its time. A bad token is refused on public routes too, except
  on those that do not look at the `Authorization` header.
"""


def routes(contract=None):
    """The methods of the gateway's routes, by path and verb."""
    contract = contract or Contract()
    found = [m for name in ("auth", "catalog", "gateway")
             for m in contract.files[name]["methods"] if "http" in m]
    return sorted(found, key=lambda m: (m["http"]["path"], VERBS.index(m["http"]["verb"])))


def has_owner(method):
    """A user's method that can say 403 says it of objects of other users."""
    return method["auth"] == "user" and "permission_denied" in method.get("errors", [])


def expected(method, actor):
    if method.get("ignore_authorization"):
        return SERVED
    if actor in ("deactivated", "expired token"):
        return REFUSED
    if method["auth"] in ("none", "optional"):
        return SERVED
    if actor == "anonymous":
        return REFUSED
    if method["auth"] == "admin":
        return SERVED if actor == "admin" else FORBIDDEN
    return FORBIDDEN if has_owner(method) and actor == "other user" else SERVED


def page(contract=None):
    lines = [HEAD, "| route | " + " | ".join(ACTORS) + " |", "|---" * (len(ACTORS) + 1) + "|"]
    for m in routes(contract):
        cells = " | ".join(expected(m, actor) for actor in ACTORS)
        lines.append(f"| `{m['http']['verb']} {m['http']['path']}` | {cells} |")
    return "\n".join(lines) + "\n"
