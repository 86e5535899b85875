"""A stop by force: work under way is given up, and nothing of it is left behind."""

import concurrent.futures
import contextlib
import signal

import pytest

from catalog_calls import own_client
from quintet import env

OUTCOME_UNKNOWN = 1104
HELD = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"


@pytest.mark.parametrize("query", ["search=x", "page=1"], ids=["a search", "a list"])
def test_what_is_asked_for_is_given_up(start_stack, database, query):
    """Under sanitizers also: what belongs to a call whose query is never answered is freed."""
    stack = start_stack(["catalog"])
    catalog = stack.daemons["catalog"]
    caller = own_client(stack)
    with (contextlib.closing(database.cluster.connect(database.name)) as blocker,
          concurrent.futures.ThreadPoolExecutor(1) as pool):
        blocker.cursor().execute("begin; lock table catalog.product in access exclusive mode")
        waiting = pool.submit(caller.call, "catalog.product.list", query=query)
        env.wait_until(lambda: database.query(HELD)[0][0] == 1, 5, "the query waits")
        catalog.process.send_signal(signal.SIGTERM)
        catalog.lines_with("draining")
        catalog.process.send_signal(signal.SIGTERM)
        assert waiting.result()[0] == OUTCOME_UNKNOWN
        assert catalog.stop() == 0
        assert stack.sanitizer_reports() == []
    caller.close()
