"""mailer.jobs.*: what the dashboard is told."""

import pytest
from quintet import env

HIDDEN = "[link hidden]"


@pytest.fixture(scope="module")
def mailed(auth, smtp):
    """Five sent mails, oldest first."""
    found = []
    for n in range(5):
        to = f"listed{n}@example.net"
        found.append((to, *auth.registered(f"name{n}", to)))
        smtp.wait_for(to)
    return found


def test_list(monitor, mailed):
    env.wait_until(lambda: monitor.call("mailer.jobs.list", {})[1]["counts"]
                   .get("sent", 0) >= 5, 5, "all are sent")
    status, page = monitor.call("mailer.jobs.list", {})
    assert status == 200 and page["next"] is None
    assert [j["recipient"] for j in page["jobs"]] == [m[0] for m in reversed(mailed)]
    assert all(j["state"] == "sent" and j["last_code"] == 250 for j in page["jobs"])


def pages(monitor, **body):
    """All pages of a list: forwards, then back again."""
    found, seen = [], []
    for way in ("next", "previous"):
        while True:
            _, page = monitor.call("mailer.jobs.list", body)
            found.append([j["recipient"] for j in page["jobs"]])
            seen.append(page)
            if not page[way]:
                break
            body["cursor"] = page[way]
        if way == "next":
            forth = found[:]
            found = []
            if not page["previous"]:
                return forth
            body["cursor"] = page["previous"]
    assert found == forth[-2::-1]
    return forth


@pytest.mark.parametrize("sort", ["created", "run", "finished", "attempt"])
@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("limit", [2, 3, 5])
def test_pages(monitor, mailed, sort, order, limit):
    forth = pages(monitor, sort=sort, order=order, limit=limit)
    assert [len(p) for p in forth] == {2: [2, 2, 1], 3: [3, 2], 5: [5]}[limit]
    names = [to for page in forth for to in page]
    assert sorted(names) == sorted(m[0] for m in mailed)
    if sort == "created":
        assert names == [m[0] for m in (reversed(mailed) if order == "desc" else mailed)]


def test_filters(monitor, mailed):
    to, event, _ = mailed[3]

    def found(**filters):
        _, page = monitor.call("mailer.jobs.list", {"filter": filters, "count": True})
        assert page["matching"] == len(page["jobs"]) and not page["matching_more"]
        return [j["recipient"] for j in page["jobs"]]

    job = monitor.call("mailer.jobs.list", {"filter": {"recipient": to}})[1]["jobs"][0]
    assert found(recipient="LISTED3") == [to]
    assert found(recipient="%") == found(recipient="_isted") == found(recipient="\\") == []
    assert found(event_id=event["event_id"]) == [to]
    assert found(request_id=event["request_id"]) == [to]
    assert len(found(user_id=1)) == 5 and found(user_id=2) == []
    assert len(found(states=["sent", "dead"])) == 5 and found(states=["dead"]) == []
    assert found(states=[]) == []
    assert len(found(template="verification")) == 5 and found(template="welcome") == []
    assert len(found(code=250)) == 5 and found(code=550) == []
    assert len(found(worker=job["worker"])) == 5 and found(worker="nobody") == []
    assert len(found(attempt_min=1, attempt_max=1)) == 5 and found(attempt_min=2) == []
    assert found(created_from=job["created_at"], recipient="listed3") == [to]
    assert found(created_to=job["created_at"], recipient="listed3") == []
    assert len(found(finished_from="2026-01-01T00:00:00Z")) == 5
    assert found(finished_to="2026-01-01T00:00:00Z") == []


@pytest.mark.parametrize("filters", [
    {"states": ["gone"]}, {"user_id": 0}, {"event_id": "x"}, {"request_id": "12"},
    {"created_from": "yesterday"}, {"created_to": "2026-02-30T00:00:00Z"}, {"code": 1000},
    {"attempt_min": -1}, {"recipient": "x" * 255}])
def test_bad_filters(monitor, filters):
    code, details = monitor.error("mailer.jobs.list", {"filter": filters})
    assert code == "invalid" and "filter" in details


@pytest.mark.parametrize("cursor", ["x", "n.1.2", "n.-2.5f19c2e0-7b41-5d7e-8f00-000000000001",
                                    "n.999999999999999999.5f19c2e0-7b41-5d7e-8f00-"
                                    "000000000001"])
def test_bad_places(monitor, cursor):
    code, details = monitor.error("mailer.jobs.list", {"cursor": cursor})
    assert code == "invalid" and "cursor" in details


def test_show(monitor, mailed):
    to, event, token = mailed[2]
    _, page = monitor.call("mailer.jobs.list", {"filter": {"recipient": to}})
    status, job = monitor.call("mailer.jobs.show", {"job_id": page["jobs"][0]["job_id"]})
    assert status == 200 and job["recipient"] == to
    assert job["request_id"] == event["request_id"]
    assert job["event_id"] == event["event_id"]
    assert job["message_id"] == f"{job['job_id']}@example.com"
    assert HIDDEN in job["preview"] and "Hello name2," in job["preview"]
    assert token not in str(job) and "verify-email" not in str(job)
    assert [m["what"] for m in job["timeline"]] == ["registered", "received", "attempt",
                                                    "sent"]
    times = [m["at"] for m in job["timeline"]]
    assert times == sorted(times)
    (attempt,) = job["attempts"]
    assert attempt["phase"] == "end" and attempt["code"] == 250
    assert [d["text"][:3] for d in attempt["dialogue"]] == ["250", "250", "354", "250"]
    assert [d["phase"] for d in attempt["dialogue"]] == ["sender", "recipient", "data", "end"]
    assert job["user_id"] == 1 and job["event_type"] == "user.registered"
    assert job["headers"]["To"] == to and job["headers"]["Subject"] == job["subject"]
    assert job["headers"]["Message-ID"] == job["message_id"]
    assert HIDDEN in job["preview_html"] and job["preview_html"].startswith("<!doctype")
    assert not job["can_retry"] and not job["can_revoke"] and job["actions"] == []


def test_show_of_nothing(monitor):
    body = {"job_id": "5f19c2e0-7b41-5d7e-8f00-000000000001"}
    assert monitor.error("mailer.jobs.show", body)[0] == "not_found"
    assert monitor.error("mailer.jobs.show", {"job_id": "x"})[0] == "invalid"


@pytest.mark.parametrize("peer", ["gateway", "auth", "catalog"])
def test_others_may_not_ask(stack, peer):
    assert stack.client("mailer", peer).error("mailer.jobs.list", {})[0] == \
        "peer_not_allowed"
