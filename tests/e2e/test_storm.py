"""A minute of tests/faults: daemons, Postgres and the mail server fail while users register
and products are added; what was acknowledged is there afterwards, and every mail arrived."""

import pathlib
import sys

from quintet import env

sys.path.insert(0, str(pathlib.Path(env.ROOT) / "tests" / "faults"))

from storm import Storm  # noqa: E402


def test_nothing_acknowledged_is_lost():
    with Storm(seed=5, acks=150, faults=10, clients=3, pause=(0.1, 0.5),
               pace=0.1, tell=print) as storm:
        verdict = storm.run()
    print(verdict)
    assert verdict.problems == [], "\n".join([str(verdict), *verdict.problems[:20]])
    assert verdict.count["acknowledged"] >= 150
    assert verdict.faults == 10
