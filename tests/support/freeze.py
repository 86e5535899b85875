#!/usr/bin/python3
"""Writes proto/released/<major>.<minor>.json, the contracts of a release in one file:

    tests/support/freeze.py 1.0

From then on a test fails when a change breaks those who know that release.
"""

import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from quintet import contract, env  # noqa: E402


def merged():
    """The contracts as they are now."""
    return {"files": {name: contract.read(name) for name in contract.FILES},
            "errors": contract.read("errors")["errors"]}


def main():
    if len(sys.argv) != 2 or not re.fullmatch(r"\d+\.\d+", sys.argv[1]):
        sys.exit(__doc__)
    target = env.PROTO / "released" / f"{sys.argv[1]}.json"
    if target.exists():
        sys.exit(f"{target} exists: a release is never changed")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(merged(), ensure_ascii=False, indent=1) + "\n")
    print(f"wrote {target.relative_to(env.ROOT)}")


if __name__ == "__main__":
    main()
