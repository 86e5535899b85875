"""Who is served: every service, with no key, an unknown key, and a key that may not."""

import pytest
import zmq

from quintet import env
from quintet.client import Client, NoAnswer, read_cert

SERVICES = ("gateway", "auth", "catalog", "mailer", "monitor")
# A method that each service has and a name that may not call it.
FORBIDDEN = {
    "gateway": ("control.drain", "catalog"), "auth": ("auth.register", "catalog"),
    "catalog": ("catalog.product.create", "mailer"), "mailer": ("mailer.jobs.list", "gateway"),
    "monitor": ("control.drain", "mailer"),
}
REFUSED_WITHIN = 1.5  # s of silence that count as a refusal; an allowed key answers in ms


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_an_allowed_key_is_served(stack, service):
    status, pong = stack.client(service, "monitor").call("control.ping")
    assert status == 200 and pong["service"] == service


@pytest.mark.parametrize("service", SERVICES)
def test_no_key_is_refused(stack, service):
    with Client(stack.endpoint(service), timeout=REFUSED_WITHIN) as client:
        with pytest.raises(NoAnswer):
            client.call("control.ping")


@pytest.mark.parametrize("service", SERVICES)
def test_an_unknown_key_is_refused(stack, service):
    with Client(stack.endpoint(service), stack.server_key(service), zmq.curve_keypair(),
                timeout=REFUSED_WITHIN) as client:
        with pytest.raises(NoAnswer):
            client.call("control.ping")


@pytest.mark.parametrize("service", SERVICES)
def test_a_known_key_is_refused_what_it_may_not_call(stack, service):
    method, name = FORBIDDEN[service]
    code, _ = stack.client(service, name).error(method, {})
    assert code == "peer_not_allowed"


def served(client):
    """The allow-list is read again within a second or two, not at once."""
    try:
        return client.call("control.ping", timeout=1)[0] == 200
    except NoAnswer:
        return False


@pytest.mark.parametrize("service", SERVICES)
def test_a_removed_key_is_refused_on_a_live_connection(stack, service):
    """libzmq does not cut a connection whose key has gone; the server looks each time."""
    before = set(stack.public.glob("monitor-*.cert"))
    out = stack.dir / f"removed-{service}"
    out.mkdir()
    stack.verb(service, "keygen", "--dir", stack.keys, "--client", "monitor", "--out", out)
    (cert,) = set(stack.public.glob("monitor-*.cert")) - before
    pair = read_cert(out / "monitor.key_secret")
    with Client(stack.endpoint(service), stack.server_key(service), pair) as client:
        env.wait_until(lambda: served(client), 10, "the new certificate is accepted")
        cert.unlink()
        env.wait_until(lambda: not served(client), 10, "the removed one is refused",
                       every=0.1)
