"""What a list's filter says with and, or and not: held against rows, so many a page."""

import pytest


@pytest.fixture(scope="module")
def settings():
    return {"EMAIL_BACKEND": "console"}


def rare(database, n):
    """n mails of a template of their own, each behind 6,000 others; the newest first."""
    return [str(j) for (j,) in database.query("""
        insert into job (job_id, event_id, template, recipient, params, message_id, state,
                         event_created_at, finished_at, created_at)
        select gen_random_uuid(), gen_random_uuid(),
               case when i %% 6001 = 0 then 'rare' else 'often' end, 'a@example.net', '{}',
               'w' || i, 'sent', now(), now(), now() + interval '1 day' - i * interval '1 ms'
          from generate_series(1, %s) i
        returning case when template = 'rare' then job_id end""", (6001 * n,),
        schema="mailer") if j]


NOT_OFTEN = {"where": [
    {"op": "and"}, {"op": "not"}, {"op": "has", "field": "template", "text": "OFT"},
    {"op": "within", "field": "created", "min": 0}]}


def test_a_condition_is_looked_for_in_steps(ask, database):
    jobs, seen, steps = rare(database, 4), [], []
    asked = {"filter": NOT_OFTEN, "limit": 4}
    page = ask("jobs.list", **asked)
    while len(seen) + len(page["jobs"]) < 4:
        seen += page["jobs"]
        steps.append(page["looked_at"])
        page = ask("jobs.list", cursor=page["next"], **asked)
    seen = (seen + page["jobs"])[:4]
    assert [j["job_id"] for j in seen] == jobs
    assert steps == [10000, 10000]
    page = ask("jobs.list", order="asc", **asked | {"filter": NOT_OFTEN | {"template": "rare"}})
    assert [j["job_id"] for j in page["jobs"]] == jobs[::-1] and page["next"] is None
    back = ask("jobs.list", order="asc", filter=NOT_OFTEN, limit=4,
               cursor=f"p.{2**56}.{jobs[0]}")
    assert [j["job_id"] for j in back["jobs"]] == [jobs[0]]
    assert back["previous"] and back["looked_at"] == 10000
    assert ask("jobs.list", filter=NOT_OFTEN, count=True, limit=1)["matching"] >= 4


@pytest.mark.parametrize("where", [
    [], [{"op": "not"}], [{"op": "xor"}], [{"op": "has", "field": "params", "text": "x"}],
    [{"op": "has", "field": "worker"}], [{"op": "word", "text": 5}], [5],
    [{"op": "word", "text": "x"}, {"op": "word", "text": "y"}]])
def test_half_a_condition_is_refused(monitor, where):
    assert monitor.error("mailer.jobs.list", {"filter": {"where": where}})[0] == "invalid"
