"""The mail list through the monitor: search, pages, filters, hostile names."""

import pytest

from dashboard import ADMIN, BASIC, Dashboard

HOSTILE = "<img src=x onerror=alert(1)>@example.org"


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["mailer", "monitor"], MONITOR_BASIC_AUTH=BASIC,
                       clients=("gateway", "monitor", "mailer", "auth"))


@pytest.fixture(scope="module")
def board(stack, rows):
    return Dashboard(stack, ADMIN)


@pytest.fixture(scope="module")
def rows(stack, database):
    """Two thousand mails, the newest first in the list; every tenth dead."""
    database.query("""
        insert into job (job_id, event_id, template, recipient, params, message_id, state,
                         attempt, created_at, event_created_at, finished_at, last_code,
                         last_error, worker, user_id)
        select gen_random_uuid(), gen_random_uuid(),
               case when i % 3 = 0 then 'welcome' else 'verification' end,
               'user' || i || '@example.' || case when i % 2 = 0 then 'org' else 'net' end,
               '{}', 'm' || i, case when i % 10 = 0 then 'dead' else 'sent' end, i % 4,
               now() - i * interval '1 second', now(), now(),
               case when i % 10 = 0 then 550 else 250 end,
               case when i % 10 = 0 then '550 mailbox unavailable' end, 'mailer-1', i
          from generate_series(1, 2000) i returning 1""", schema="mailer")
    database.query("""
        insert into job (job_id, event_id, template, recipient, params, message_id, state,
                         created_at, event_created_at, finished_at, user_id)
        values (gen_random_uuid(), gen_random_uuid(), 'welcome', %s, '{}', 'hostile', 'sent',
                now(), now(), now(), 5000) returning 1""", (HOSTILE,), schema="mailer")


def found(board, q, **more):
    answer = board.get("/api/mails", q=q, **more)
    assert answer.status == 200, answer.body
    return answer.json


def numbers(page):
    return [j["user_id"] for j in page["jobs"]]


def test_newest_first_and_page_by_page(board):
    first = found(board, "to:@example", limit=3)
    assert numbers(first) == [5000, 1, 2]
    second = found(board, "to:@example", limit=3, before=first["next"])
    assert numbers(second) == [3, 4, 5]


@pytest.mark.parametrize("q,wanted,exact", [
    ("state:dead to:@example.org", [10, 20, 30], True),
    ("-state:sent", [10, 20, 30], True),
    ("user:77", [77], True),
    ("code:550 user:20", [20], True),
    ("user7@", [7], False),
    ("user7@ OR user9@", [7, 9], False),
    ("unavailable -user10@ -user20@", [30, 40, 50], False),
    ("name:welcome state:dead", [30, 60, 90], False),
    ("attempts:3 (user3@ OR user4@ OR user7@)", [3, 7], False),
])
def test_what_is_searched_is_found(board, q, wanted, exact):
    page = found(board, q, limit=3)
    assert numbers(page) == wanted and page["exact"] is exact


def test_a_whole_list_that_was_looked_through_is_counted(board):
    page = found(board, "user1999@ OR user1@")
    assert numbers(page) == [1, 1999] and page["next"] is None
    assert (page["matching"], page["matching_more"], page["looked_at"]) == (2, False, None)


def test_pages_of_a_search_join_without_gap_or_copy(board):
    seen, before = [], None
    for _ in range(200):
        page = found(board, "unavailable", limit=7, **({"before": before} if before else {}))
        seen += numbers(page)
        before = page["next"]
        if not before:
            break
    assert seen == list(range(10, 2001, 10))


def test_parameters_narrow_the_search(board):
    assert numbers(found(board, "", state="dead", limit=2)) == [10, 20]
    assert numbers(found(board, "", state="dead", template="welcome", limit=2)) == [30, 60]
    assert numbers(found(board, "", sort="created_at", limit=1)) == [2000]
    assert found(board, "", to="2020-01-01T00:00:00Z")["jobs"] == []


@pytest.mark.parametrize("query,field", [
    ({"state": "gone"}, "state"), ({"sort": "color"}, "sort"), ({"limit": 0}, "limit"),
    ({"limit": 201}, "limit"), ({"before": "x"}, "before"), ({"from": "soon"}, "from"),
    ({"before": "0:" + "x" * 90}, "before"), ({"before": "-1:"}, "before"),
])
def test_wrong_parameters_are_told(board, query, field):
    answer = board.get("/api/mails", **query)
    assert (answer.status, list(answer.json["details"])) == (400, [field])


def test_a_mistake_in_the_search_has_a_place(board):
    answer = board.get("/api/mails", q="kim state:gone")
    assert answer.status == 400 and answer.json["position"] == 10
    assert "No such state" in answer.json["details"]["q"][0]


def test_one_mail_and_its_html(board):
    job = found(board, "user:30")["jobs"][0]
    shown = board.get(f"/api/mails/{job['job_id']}")
    assert shown.status == 200 and shown.json["recipient"] == "user30@example.org"
    html = board.get(f"/api/mails/{job['job_id']}/html")
    assert html.status in (200, 404)
    if html.status == 200:
        assert html.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "sandbox" in html.headers["Content-Security-Policy"]
        assert "script-src" not in html.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/api/mails/5f19c2e0-7b41-5d7e-8f00-000000000001",
                                  "/api/mails/x", "/api/mails/%ff/html"])
def test_an_unknown_mail_is_404(board, path):
    assert board.get(path).status == 404


def test_a_hostile_name_is_text(board):
    answer = board.get("/api/mails", q="user:5000")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json["jobs"][0]["recipient"] == HOSTILE


def test_the_box_in_the_header_knows_where_to_go(board):
    job = found(board, "user:30")["jobs"][0]["job_id"]
    assert board.get("/api/search", q=job).json["page"] == f"tasks/{job}"
    assert board.get("/api/search", q="ab" * 16).json["page"] == "tasks?q=request%3A" + "ab" * 16
    assert board.get("/api/search", q="a b").json["page"] == "tasks?q=a%20b"
    assert board.get("/api/search", q="(").status == 400


# --- what a search means, on one mail that has everything ---------------------------------

KIM = "5f19c2e0-7b41-5d7e-8f00-000000000001"
FITS = [
    "kim", "KIM", "unavailable", "kim verif", "kim OR joe", "joe OR kim verification",
    "(joe OR kim) -welcome", "NOT joe", "--kim", "NOT NOT kim", '"mailbox unavailable"',
    'error:"mailbox unavailable"', "state:dead", "state:DEAD", "state:failure", "-state:sent",
    "name:verif", "to:@example.org", "worker:mailer", "id:5F19C2E0-7b41-5d7e-8f00-000000000001",
    "event:5f19c2e0-7b41-5d7e-8f00-000000000002", "request:a91c07f2a91c07f2a91c07f2a91c07f2",
    "user:4117", "attempts:3", "attempts:>2", "attempts:>=3", "attempts:<=3", "attempts:2..5",
    "code:550", "code:500..599", "created:2026-09-21", "created:>2026-09-21",
    "created:2026-09-20..2026-09-22", "created:>2026-09-21T13:00:00Z",
    "created:>=2026-09-21T12:13:20Z", "took:>2", "took:<=2.5", "took:1..3", "took:<1m",
    "-state:sent attempts:>1 to:@example.org", "worker:MAILER-7", "-worker:gone",
    "(state:retry OR to:kim)", "state:dead -code:451", "5f19c2e0-7b41-5d7e-8f00-000000000001",
    "-user:>5000", "created:>1d OR took:>9", "to:kim+a%b_c\\d",
]
FITS_NOT = [
    "joe", "kim AND joe", "joe OR kim welcome", "(joe OR kim) welcome", "-kim", "-(joe OR kim)",
    '"unavailable mailbox"', "state:sent", "state:retry", "template:welcome", "to:example.com",
    "id:5f19c2e0-7b41-5d7e-8f00-000000000002", "user:>4117", "attempts:>3", "attempts:<3",
    "attempts:4..5", "code:451", "created:2026-09-20", "created:<2026-09-21", "took:>2.6", "k.m",
    "to:k%m", "to:k_m", "-created:2026-09-21", "worker:mailer-8 OR to:kim.",
    "state:dead state:sent",
]


@pytest.fixture(scope="module")
def kim(rows, database):
    database.query("""
        insert into job (job_id, event_id, template, recipient, params, message_id, state,
                         attempt, created_at, event_created_at, finished_at, last_code,
                         last_error, worker, user_id, request_id)
        values (%s, '5f19c2e0-7b41-5d7e-8f00-000000000002', 'verification',
                'Kim+a%%b_c\\d@Example.org', '{}', 'kim', 'dead', 3, '2026-09-21T13:13:20Z',
                now(), '2026-09-21T13:13:22.5Z', 550, '550 5.1.1 mailbox unavailable',
                'mailer-7', 4117, decode('a91c07f2a91c07f2a91c07f2a91c07f2', 'hex'))
        returning 1""", (KIM,), schema="mailer")


@pytest.mark.parametrize("q", FITS)
def test_a_mail_fits(board, kim, q):
    page = found(board, f"({q}) user:4117")
    assert [j["job_id"] for j in page["jobs"]] == [KIM]


@pytest.mark.parametrize("q", FITS_NOT)
def test_a_mail_does_not_fit(board, kim, q):
    page = found(board, f"({q}) user:4117")
    assert page["jobs"] == [] and page["next"] is None


# --- a rare mail behind many others -------------------------------------------------------

def add_bulk(database, n):
    """So many mails, newer than all others."""
    database.query("""
        insert into job (job_id, event_id, template, recipient, params, message_id, state,
                         created_at, event_created_at, finished_at, user_id)
        select gen_random_uuid(), gen_random_uuid(), 'welcome', 'bulk' || i || '@bulk.test',
               '{}', 'b' || i, 'sent', now() + i * interval '1 ms', now(), now(), 9000
          from generate_series(1, %s) i returning 1""", (n,), schema="mailer")


def test_what_is_rare_is_found_behind_ten_thousand_others(board, kim, database):
    add_bulk(database, 10000)
    assert numbers(found(board, "-bulk", limit=4)) == [5000, 1, 2, 3]
    assert numbers(found(board, "worker:zzz OR to:onerror")) == [5000]


def test_a_search_that_gave_up_says_how_far_it_came_and_goes_on(board, kim, database):
    add_bulk(database, 100000)
    page = found(board, "-bulk")
    assert page["jobs"] == [] and page["next"] and 100000 <= page["looked_at"] < 110000
    assert "matching" not in page
    page = found(board, "-bulk", before=page["next"], limit=3)
    assert numbers(page) == [5000, 1, 2] and page["next"]
