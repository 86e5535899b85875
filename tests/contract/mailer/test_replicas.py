"""Two mailers on one database: they race for events and mails and still send each once."""

import pytest
from quintet import env
from quintet.stack import Daemon


@pytest.fixture(scope="module")
def second(stack):
    """Another replica, with ports of its own."""
    ports = {f"MAILER_{kind}_LISTEN": stack.ports.take() for kind in ("RPC", "OPS")}
    settings = {"MAILER_RPC_LISTEN": f"tcp://127.0.0.1:{ports['MAILER_RPC_LISTEN']}",
                "MAILER_OPS_LISTEN": f"127.0.0.1:{ports['MAILER_OPS_LISTEN']}",
                "MAILER_REPLICA": "second"}
    stack.port["second.ops"] = ports["MAILER_OPS_LISTEN"]
    daemon = Daemon("mailer", stack.environment("mailer") | settings,
                    stack.dir / "second.log")
    stack.daemons["second"] = daemon
    daemon.start()
    stack.wait_ready("second")
    return daemon


def check_once(smtp, database, everyone):
    for to in everyone:
        smtp.wait_for(to, timeout=30)
    env.wait_until(lambda: database.query(
        "select count(*) from job where state in ('ready', 'leased')",
        schema="mailer") == [(0,)], 10, "the queue is empty")
    assert [to for to in everyone if len(smtp.to(to)) != 1] == []


def test_each_mail_once(auth, smtp, database, stack, second, address):
    everyone = [address() for _ in range(300)]
    for to in everyone:
        auth.registered("ann", to)
    check_once(smtp, database, everyone)
    rows = database.query("select count(*), count(distinct seq), max(seq) from inbox",
                          schema="mailer")
    assert rows == [(300, 300, 300)]
    workers = database.query("select count(distinct worker) from job", schema="mailer")
    assert workers == [(2,)]


def test_one_falls_the_other_goes_on(auth, smtp, database, stack, second, address):
    everyone = [address() for _ in range(100)]
    for n, to in enumerate(everyone):
        auth.registered("ann", to)
        if n == 50:
            second.stop()
    check_once(smtp, database, everyone)
    second.start()
    stack.wait_ready("second")
