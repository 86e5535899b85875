"""mailer.jobs.*: what the dashboard is told."""

import pytest
from quintet import env

HIDDEN = "[link hidden]"


@pytest.fixture(scope="module")
def monitor(stack):
    return stack.client("mailer", "monitor")


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


def test_pages(monitor, mailed):
    seen, before = [], None
    for _ in range(10):
        body = {"limit": 2} | ({"before": before} if before else {})
        _, page = monitor.call("mailer.jobs.list", body)
        seen += [j["recipient"] for j in page["jobs"]]
        before = page["next"]
        if not before:
            break
    assert seen == [m[0] for m in reversed(mailed)]


def test_filters(monitor, mailed):
    _, page = monitor.call("mailer.jobs.list", {"search": "LISTED3"})
    assert [j["recipient"] for j in page["jobs"]] == ["listed3@example.net"]
    assert monitor.call("mailer.jobs.list", {"state": "dead"})[1]["jobs"] == []
    assert monitor.call("mailer.jobs.list", {"search": "%"})[1]["jobs"] == []


@pytest.mark.parametrize("before", ["x", "1.2", "-1.5f19c2e0-7b41-5d7e-8f00-000000000001",
                                    "99999999999999999999.5f19c2e0-7b41-5d7e-8f00-"
                                    "000000000001"])
def test_bad_places(monitor, before):
    code, details = monitor.error("mailer.jobs.list", {"before": before})
    assert code == "invalid" and "before" in details


def test_show(monitor, mailed):
    to, event, token = mailed[2]
    _, page = monitor.call("mailer.jobs.list", {"search": to})
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


def test_show_of_nothing(monitor):
    body = {"job_id": "5f19c2e0-7b41-5d7e-8f00-000000000001"}
    assert monitor.error("mailer.jobs.show", body)[0] == "not_found"
    assert monitor.error("mailer.jobs.show", {"job_id": "x"})[0] == "invalid"


@pytest.mark.parametrize("peer", ["gateway", "auth", "catalog"])
def test_others_may_not_ask(stack, peer):
    assert stack.client("mailer", peer).error("mailer.jobs.list", {})[0] == \
        "peer_not_allowed"
