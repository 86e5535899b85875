"""Pages far down the default list: the same as OFFSET's, without its cost."""

import random
import re

import pytest

from catalog_calls import ADMIN, OWNER, add_category, add_product, in_parallel, product_list
from quintet import env
from quintet.postgres import statement_of


def fill(api, database, rows):
    """Products of which three each have the same time."""
    category = add_category(api)
    database.query(
        "insert into product (name, description, price, created_at, category_id)"
        f" select 'p' || i, '', i % 100, timestamptz '2026-01-01' + i / 3 * interval '7 us',"
        f" {category['id']} from generate_series(1, {rows}) i;"
        f"insert into counter values ('product', 0, 0, {rows});"
        "analyze product; analyze counter", schema="catalog")
    return category


def ids(page):
    return [item["id"] for item in page["results"]]


def truth(database):
    return [i for (i,) in database.query(
        "select id from product order by created_at desc, id desc", schema="catalog")]


def check_page(api, everything, page, size):
    found = product_list(api, f"page={page}&page_size={size}")
    last = (len(everything) - 1) // size + 1
    number = last if page == "last" else page
    assert found["count"] == len(everything)
    assert ids(found) == everything[(number - 1) * size:number * size], (page, size)
    assert (found["next"] is None) == (number == last)
    assert (found["previous"] is None) == (number == 1)


def elsewhere(database, actor=1):
    """Deletes a product as another replica does: the same statement, another session."""
    ident = random.choice(truth(database))
    rows = database.statement("catalog", "product_delete", str(ident), str(actor), "true", "null")
    assert rows[0][0] == "done"


def test_every_walk_gives_what_offset_gives(api, database):
    fill(api, database, 1003)
    everything = truth(database)
    for size in (10, 7, 100):
        pages = list(range(1, (len(everything) - 1) // size + 2))
        for walk in (pages, pages[::-1], ["last", *random.Random(size).sample(pages, len(pages))]):
            for page in walk:
                check_page(api, everything, page, size)


def test_walks_over_changing_data_give_what_offset_gives(api, database):
    category = fill(api, database, 400)
    chance = random.Random(11)
    for turn in range(60):
        change = turn % 3
        if change == 0:
            add_product(api, category["id"], f"new {turn}")
        elif change == 1:
            elsewhere(database)
        else:
            gone = chance.choice(truth(database))
            assert api.call("catalog.product.delete", path=[gone], **ADMIN)[0] == 204
        everything = truth(database)
        for _ in range(8):
            size = chance.choice((5, 10, 13))
            pages = (len(everything) - 1) // size + 1
            check_page(api, everything, chance.choice((chance.randint(1, pages), "last")), size)


def test_a_change_of_the_same_size_is_seen(api, database):
    """The total alone would not tell: one goes, one comes."""
    category = fill(api, database, 300)
    check_page(api, truth(database), 20, 10)
    elsewhere(database)
    database.statement("catalog", "product_create", "900001", "'late'", "''", "1", "'2026-01-01'",
                       str(category["id"]), "1", "'adm'", "1", "''", "''", "null", "''", "now()")
    check_page(api, truth(database), 20, 10)
    check_page(api, truth(database), 30, 10)


def test_walkers_among_writers_see_whole_pages(stack, api, database):
    """Each answer is of one moment: sorted, without doubles, as long as its total says."""
    category = fill(api, database, 200)
    order = dict(database.query("select id, extract(epoch from created_at) from product",
                                schema="catalog"))

    def job(client, n):
        if n % 4 == 0:
            add_product(client, category["id"], f"w{n}")
            return
        status, page = client.call("catalog.product.list", query=f"page={n % 20 + 1}")
        assert status == 200
        found = ids(page)
        assert len(found) == len(set(found)) == min(10, page["count"] - n % 20 * 10)
        known = [(order[i], i) for i in found if i in order]
        assert known == sorted(known, reverse=True)

    in_parallel(stack, 6, job)
    check_page(api, truth(database), 15, 10)


def rows_read(plan):
    return [int(n) for line in plan if " on product " in line
            for n in re.findall(r"rows=(\d+) loops", line)]


@pytest.mark.parametrize("name, sign", [("after", "<="), ("before", ">")])
def test_page_900_reads_no_9000_rows(api, database, name, sign):
    fill(api, database, 20000)
    at, ident = database.query("select created_at::text, id from product"
                               " order by created_at desc, id desc offset 8990 limit 1",
                               schema="catalog")[0]
    changes = database.query("select sum(changes)::text from counter where kind = 'product'"
                             " and category_id = 0", schema="catalog")[0][0]
    text = statement_of("catalog", f"product_newest_{name}")
    assert f"(created_at, id) {sign} (" in text
    call = f"execute page (10, {changes}, '{at}', {ident}, 0)"
    plan = [line for (line,) in database.query(
        f"prepare page as {text}; set plan_cache_mode = force_generic_plan;"
        f"explain (analyze, timing off, costs off) {call}", schema="catalog")]
    assert any("product_newest" in line for line in plan), plan
    assert rows_read(plan) and max(rows_read(plan)) <= 11, "\n".join(plan)
    stale = call.replace(changes, str(int(changes) + 1))
    rows = database.query(f"prepare page as {text}; {stale}", schema="catalog")
    assert [row[1] for row in rows] == [None]


def test_the_service_walks_to_page_900_once(api, database):
    fill(api, database, 20000)
    stats = ("select coalesce(sum(idx_scan), 0)::int, coalesce(sum(idx_tup_read), 0)::int"
             " from pg_stat_user_indexes where indexrelname = 'product_newest'")
    everything = truth(database)
    scans, read = database.query(stats)[0]
    visits = 0

    def visited():
        nonlocal visits
        for page in (900, 901, 899, "last"):
            check_page(api, everything, page, 10)
            visits += 1
        return database.query(stats)[0][0] >= scans + 100

    env.wait_until(visited, 20, "the statistics come")
    now_scans, now_read = database.query(stats)[0]
    spent = now_read - read
    assert spent >= 9000, "the first visit is counted"
    # the test's own reading of everything is perhaps counted too
    assert spent - 9000 - 20000 < 30 * (now_scans - scans), (spent, now_scans - scans)
