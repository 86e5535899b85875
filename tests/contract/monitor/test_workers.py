"""Workers, the page of one, the flow between them, and who did not get their mail."""

import secrets

import pytest

from dashboard import ADMIN, BASIC, Dashboard
from quintet import env

PASSWORD = "a pass phrase of some length"


@pytest.fixture(scope="module")
def stack(start_stack, smtp):
    return start_stack(["auth", "mailer", "monitor"], MONITOR_BASIC_AUTH=BASIC,
                       AUTH_REPLICA="auth-1", MAILER_REPLICA="mailer-1",
                       MONITOR_REPLICA="monitor-1",
                       clients=("gateway", "monitor", "mailer", "auth"), **smtp.env())


@pytest.fixture(scope="module")
def board(stack):
    board = Dashboard(stack, ADMIN)
    env.wait_until(lambda: all(board.replica(s, f"{s}-1") for s in ("auth", "mailer", "monitor")),
                   10, "all three are seen")
    return board


@pytest.fixture(scope="module")
def admin(stack):
    name = "ada" + secrets.token_hex(3)
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME=name,
               DJANGO_SUPERUSER_EMAIL=f"{name}@example.com",
               DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    board = Dashboard(stack, browser=True)
    assert board.sign_in(name, PASSWORD).status == 200
    return board


def register(stack, email):
    status, user = stack.client("auth").call("auth.register", {
        "username": "u" + secrets.token_hex(4), "email": email, "password": PASSWORD})
    assert status == 201
    return user


def test_all_replicas_are_listed(board):
    said = board.get("/api/replicas").json
    assert [r["instance"] for r in said["replicas"]] == ["auth-1", "mailer-1", "monitor-1"]
    assert {s["name"] for s in said["services"]} == {"gateway", "auth", "catalog", "mailer",
                                                     "monitor"}


def test_a_replica_is_described_with_its_secrets_masked(board):
    said = env.wait_until(lambda: (r := board.get("/api/replicas/auth-1").json)
                          and r["replica"]["status"] == "up" and r, 10, "it is up")
    assert said["described_error"] is None
    described = said["described"]
    assert described["instance"] == "auth-1" and described["system"]["threads"] > 1
    assert all(o["value"] in ("set", "not set") for o in described["options"] if o["secret"])
    assert board.get("/api/replicas/nobody").status == 404


def test_its_start_is_among_its_changes(board):
    env.wait_until(lambda: any(c["kind"] == "started"
                               for c in board.get("/api/replicas/auth-1").json["changes"]), 15,
                   "the start is noted")


def test_a_dead_replica_still_has_a_page(stack, board):
    stack.daemons["mailer"].kill()
    env.wait_until(lambda: board.replica("mailer", "mailer-1")["status"] == "crashed", 15,
                   "the crash is seen")
    stores = {p["instance"]: p for p in board.get("/api/flow").json["postgres"]}
    assert (stores["auth-1"]["live"], stores["mailer-1"]["live"]) == (True, False)
    assert stores["mailer-1"]["connected"] and stores["mailer-1"]["seen_at"], "the last it said"
    said = board.get("/api/replicas/mailer-1").json
    assert said["described"] is None and "does not answer" in said["described_error"]
    assert said["changes"][0]["kind"] == "crashed"
    stack.restart("mailer")
    env.wait_until(lambda: board.replica("mailer", "mailer-1")["status"] == "up", 15, "it is up")
    assert board.replica("mailer", "mailer-1")["restarts"] == 1


def test_figures_come_from_the_services_own_counters(stack, board):
    def counted():
        stack.client("auth").call("auth.jwks", None)
        r = board.replica("auth", "auth-1")
        return r["rate"] > 0 and r["p99_us"]
    env.wait_until(counted, 15, "auth's calls are counted", every=0.2)


def test_the_flow_shows_stream_consumers_and_queue(stack, board):
    register(stack, "flow@example.com")

    def caught_up():
        flow = board.get("/api/flow").json
        mailer = [c for c in flow["consumers"] if c["name"] == "mailer-1"]
        return flow["stream"]["head"] >= 1 and mailer and mailer[0]["lag"] == 0 \
            and mailer[0]["applied"] == flow["stream"]["head"] and flow
    flow = env.wait_until(caught_up, 15, "the mailer has applied the event")
    stream, readers = flow["stream"], {r["name"]: r for r in flow["readers"]}
    assert (stream["outbox"], stream["oldest_s"], stream["error"]) == (0, 0, None)
    assert len(stream["epoch"]) == 36
    assert readers["mailer"]["acked"] + readers["mailer"]["lag"] == stream["head"]
    assert readers["mailer"]["seen_at"]
    assert flow["queues"][0]["name"] == "mail" and flow["queues"][0]["consumers"] == 1
    assert {"from", "to", "kind", "rate"} <= set(flow["edges"][0])
    assert {(e["instance"], e["status"]) for e in flow["endpoints"]} >= {("auth-1", "up")}
    assert any(p["service"] == "auth" and p["connected"] for p in flow["postgres"])


def test_readers_and_consumers_come_to_agree(stack, board):
    """What a consumer has applied it tells auth soon, although nothing is missing there."""
    pulls = lambda f: next(c["pulls"] for c in f["consumers"] if c["name"] == "mailer-1")  # noqa: E731
    before = board.get("/api/flow").json
    register(stack, "agree@example.com")

    def agreed():
        flow = board.get("/api/flow").json
        reader = next((r for r in flow["readers"] if r["name"] == "mailer"), None)
        mine = next(c for c in flow["consumers"] if c["name"] == "mailer-1")
        head = flow["stream"]["head"]
        return head > before["stream"]["head"] and reader and \
            (reader["acked"], reader["lag"], mine["applied"]) == (head, 0, head) and flow
    flow = env.wait_until(agreed, 30, "both say the same")
    assert pulls(flow) == pulls(before), "a pull that only tells is none"


def test_without_auth_the_flow_says_so(stack, board):
    head = board.get("/api/flow").json["stream"]["head"]
    env.wait_until(lambda: board.replica("auth", "auth-1")["load"]["event_head"] == head, 10,
                   "its beats say so too")
    stack.daemons["auth"].kill()
    try:
        def told():
            flow = board.get("/api/flow")
            assert flow.status == 200
            return flow.json["stream"]["error"] and flow.json
        flow = env.wait_until(told, 15, "the flow says that auth is away")
        assert flow["readers"] is None and flow["stream"]["epoch"] is None
        assert flow["stream"]["head"] == head, "by its last beat"
        assert flow["consumers"][0]["name"] == "mailer-1"
    finally:
        stack.restart("auth")
    env.wait_until(lambda: board.get("/api/flow").json["readers"], 15, "auth tells again")


def test_who_did_not_get_their_mail_and_a_new_one(stack, board, admin, smtp):
    address = f"kim{secrets.token_hex(3)}@example.net"
    smtp.script("RCPT", "550 5.1.1 mailbox unavailable")
    user = register(stack, address)
    missed = env.wait_until(
        lambda: [m for m in board.get("/api/missed", after_s=0).json["missed"]
                 if m["user_id"] == user["id"] and m["why"] == "dead"], 20, "it is missed")[0]
    assert missed["email"] == address and missed["event"] == "user.registered"
    assert "550" in missed["text"] and missed["job_id"]
    preview = admin.post("/api/actions/mails.resend", {"user_id": user["id"], "preview": True})
    assert preview.status == 200 and preview.json["count"] == 1
    refused = board.post("/api/actions/mails.resend", {"user_id": user["id"], "reason": "asked"})
    assert refused.status == 403 and "signed in" in refused.json["detail"]
    done = admin.post("/api/actions/mails.resend",
                      {"user_id": user["id"], "reason": "the box is back"})
    assert done.status == 200, done.body
    assert address in done.json["summary"]
    smtp.wait_for(address)


def test_an_address_is_corrected(stack, admin, smtp):
    wrong, right = (f"{w}{secrets.token_hex(3)}@example.net" for w in ("wrogn", "right"))
    user = register(stack, wrong)
    body = {"user_id": user["id"], "email": right, "reason": "misspelt"}
    done = admin.post("/api/actions/mails.correct", body)
    assert done.status == 200, done.body
    smtp.wait_for(right)
    for bad in ({"email": "nothing"}, {"user_id": 0}, {"user_id": "1"}):
        assert admin.post("/api/actions/mails.correct", body | bad).status == 400
    gone = admin.post("/api/actions/mails.correct", body | {"user_id": 999999})
    assert gone.status == 404
    last = admin.last_action()
    assert (last["outcome"], last["subject"]) == ("failed", "user 999999")


def test_what_an_operator_drained_still_answers_operators(stack, board, smtp):
    """The only mailer sends nothing, but tells of its mails, and takes what is done to them."""
    why = {"reason": "it is looked into"}
    address = f"d{secrets.token_hex(4)}@example.net"

    def mail():
        found = board.get("/api/mails", q=address).json["jobs"]
        return found[0] if found else {"state": None}
    smtp.script("RCPT", "550 5.1.1 no such mailbox")
    register(stack, address)
    env.wait_until(lambda: mail()["state"] == "dead", 10, "it is given up")
    assert board.post("/api/actions/replica.drain", {"instance": "mailer-1"} | why).status == 200
    try:
        env.wait_until(lambda: board.replica("mailer", "mailer-1")["status"] == "draining", 10,
                       "it drains")
        for path in ("/api/mails", "/api/missed", "/api/flow"):
            assert board.get(path).status == 200, path
        said = board.post("/api/actions/mails.retry", {"ids": [mail()["job_id"]]} | why)
        assert (said.status, said.json["count"]) == (200, 1), said.body
        assert mail()["state"] == "ready" and smtp.to(address) == []
    finally:
        board.post("/api/actions/replica.resume", {"instance": "mailer-1"} | why)
    smtp.wait_for(address)


def test_mails_by_hour_come_from_the_mailer(board):
    board.get("/api/overview")
    mails = env.wait_until(
        lambda: (m := board.get("/api/overview").json["mails"])["totals"]["sent"] and m, 30,
        "sent mails are counted")
    assert mails["complete"] and len(mails["sent"]) == 24 and sum(mails["sent"]) >= 1
