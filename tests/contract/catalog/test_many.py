"""Lists of many products: every filter in every order reads an index, totals are exact, and
nobody counts what another one is counting."""

import concurrent.futures
import contextlib
import itertools
import random
import re
import threading

import pytest

from catalog_calls import (OWNER, add_category, add_product, counters_are_exact, in_parallel,
                           names, own_client, product_list)
from quintet import env
from quintet.postgres import statement_of

FEW = 1000  # find.c: so many matches are read at once and never kept
ONE = ("price", "-price", "created_at", "-created_at")
TWO = tuple(f"{a},{b}" for a, b in itertools.permutations(ONE, 2)
            if a.strip("-") != b.strip("-"))


def condition(name):
    """What a statement's products must fulfil, blanks aside. A function in the database cannot
    hold it for all: one with sub-selects is not looked through by the planner."""
    text = statement_of("catalog", name)
    found = re.search(r"where \(\$1::bigint is null.*?as term\s+where not .*? like term\)\)\)", text,
                      re.DOTALL)
    assert found, name
    return " ".join(found[0].split())


def test_what_is_counted_is_what_is_shown():
    assert condition("product_count") == condition("product_few") == condition("product_page")


def fill(api, database, rows, categories=20, extra=""):
    """Products of `categories` and 500 creators, names without a common word but "item"."""
    ids = [add_category(api, f"c{n}")["id"] for n in range(categories)]
    database.query(
        "insert into product (name, description, price, created_at, category_id, owner_id)"
        " select 'Item ' || md5(i::text), repeat('words ', 50), i % 5000,"
        " now() - i * interval '1 s',"
        f" (array{ids})[1 + i % {categories}], i % 500 from generate_series(1, {rows}) i;"
        "insert into counter select 'product', category_id, 0, count(*) from product group by 2"
        " union all select 'product', 0, 0, count(*) from product;"
        "insert into user_name select i, 'user' || i, 1 from generate_series(0, 499) i;"
        f"select gin_clean_pending_list('product_name_parts'::regclass);{extra}",
        schema="catalog")
    for table in ("user_name", "category"):
        database.query(f"vacuum analyze {table}", schema="catalog")
    env.wait_until(lambda: seen_by_vacuum(database), 10, "the vacuum sees all rows")
    return ids


def seen_by_vacuum(database):
    """The tests' server commits late (synchronous_commit off): rows are committed for all to
    see a moment afterwards."""
    database.query("vacuum analyze product", schema="catalog")
    return database.query("select relallvisible = relpages from pg_class where oid ="
                          " 'product'::regclass", schema="catalog")[0][0]


# ---- plans -----------------------------------------------------------------------


def keys_of(ordering):
    """What find.c makes of it: two keys and the direction of the id."""
    keys = ordering.split(",")
    down = keys[-1].startswith("-")
    if keys == ["price"] or keys == ["-price"]:
        keys.append("-created_at" if down else "created_at")
    return [*keys, *[None] * (2 - len(keys)), "-id" if down else "id"]


class Plans:
    """The three statements as the search connections run them."""

    PARAMETERS = ("category", "categories", "low", "high", "creator", "creators", "pattern",
                  "pattern_categories", "second", "second_categories", "names", "any")

    def __init__(self, database):
        self.database = database

    def explain(self, statement, ordering, **where):
        values = [where.get(name) for name in self.PARAMETERS]
        if statement != "count":
            values += keys_of(ordering)
        values += {"count": [], "page": [10, 0], "few": [10, 1, FEW]}[statement]
        call = ", ".join("null" if v is None else f"'{v}'" for v in values)
        text = statement_of("catalog", f"product_{statement}")
        return [line for (line,) in self.database.query(
            f"set jit = off; set random_page_cost = 1.1; set plan_cache_mode = force_custom_plan;"
            f"prepare it as {text}; explain (costs off) execute it({call})", schema="catalog")]


def scans(plan):
    """Indexes of product that are read, without the look-up of the page's rows."""
    return {index for line in plan for index in re.findall(r"(?:using|on) (product_\w+)", line)
            if index != "product_pkey"}


def whole_sorts(plan):
    return sum(bool(re.search(r"^( *-> *)?Sort$", line)) for line in plan)


def test_every_filter_in_every_order_reads_an_index(api, database):
    ids = fill(api, database, 20000)
    plans = Plans(database)
    category, price = "product_of_category", "product_by_price"
    both, newest, owner = f"{category}_by_price", "product_newest", "product_of_owner"
    filters = [
        ({"category": ids[3]}, {category, both}),
        ({"category": ids[3], "low": 100}, {category, both}),
        ({"category": ids[3], "high": 4000}, {category, both}),
        ({"category": ids[3], "low": 100, "high": 102}, {category, both}),
        ({"categories": f"{{{ids[3]},{ids[4]}}}"}, {category, both, newest, price}),
        ({"categories": f"{{{ids[3]},{ids[4]}}}", "low": 4990}, {category, both, newest, price}),
        ({"low": 100}, {price, newest}), ({"high": 4000}, {price, newest}),
        ({"low": 5, "high": 6}, {price}),
        ({"creator": 7}, {owner, newest}),
        ({"creator": 7, "low": 100, "high": 4000}, {owner, newest}),
        ({"creator": 7, "category": ids[7]}, {owner, newest, category, both}),
        ({"creator": 7, "names": "{%a%}"}, {owner, newest}),
        ({"creators": "{7,8}"}, {owner, newest}),
        ({"pattern": "%f1c1592588%"}, {"product_name_parts"}),
        ({"pattern": "%f1c1592588%", "category": ids[3], "low": 5}, {"product_name_parts",
                                                                    category, both}),
        ({"pattern": "%item%"}, {newest, price}), ({"names": "{%a%}"}, {newest, price}),
        ({"pattern": "%item%", "names": "{%a%,%b%}"}, {newest, price}),
        ({"second": "%c1%", "second_categories": f"{{{ids[1]}}}"}, {newest, price}),
    ]
    for where, expected in filters:
        for statement, ordering in [("count", "price"), ("few", "price"),
                                    *(("page", o) for o in ONE + TWO)]:
            plan = plans.explain(statement, ordering, **where)
            told = f"{statement} {ordering} {where}:\n" + "\n".join(plan)
            assert not any(re.search(r"Seq Scan on product\b", line) for line in plan), told
            assert scans(plan) and scans(plan) <= expected, told


def test_every_order_of_a_large_list_is_an_index(api, database):
    """Only equal first keys are sorted, and the page itself."""
    ids = fill(api, database, 20000, 2)
    plans = Plans(database)
    for where in ({}, {"category": ids[1]}, {"low": 10}, {"category": ids[1], "low": 10}):
        for ordering in ONE + TWO:
            plan = plans.explain("page", ordering, **where)
            assert whole_sorts(plan) <= 1, f"{ordering} {where}:\n" + "\n".join(plan)


def test_totals_are_counted_in_an_index_alone(api, database):
    ids = fill(api, database, 20000)
    plans = Plans(database)
    for where in ({"category": ids[3], "low": 100}, {"low": 100}, {"high": 4000}, {"creator": 7}, {"names": "{%a%}"},
                  {"pattern": "%item%"}, {"categories": f"{{{ids[3]},{ids[4]}}}", "high": 100},
                  {"second": "%c1%", "second_categories": f"{{{ids[1]}}}"}):
        plan = plans.explain("count", "", **where)
        assert any("Index Only Scan" in line for line in plan), f"{where}:\n" + "\n".join(plan)


def test_a_short_pattern_does_not_read_the_whole_search_index(api, database):
    """It has no trigram: Postgres would fetch every entry, and then every row."""
    fill(api, database, 20000)
    plan = Plans(database).explain("count", "", names="{%zq%}")
    assert not any("product_name_parts" in line for line in plan), "\n".join(plan)


# ---- what is found ---------------------------------------------------------------


ORDERS = {"price": ("price", 1), "-price": ("price", -1), "created_at": ("created", 1),
          "-created_at": ("created", -1)}


def expected_order(rows, ordering):
    keys = [ORDERS[k] for k in ordering.split(",")]
    last = keys[-1][1]
    if keys[0][0] == "price" and len(keys) == 1:
        keys.append(("created", last))
    keys.append(("id", last))
    for name, sign in reversed(keys):
        rows = sorted(rows, key=lambda r: r[name], reverse=sign < 0)
    return [r["id"] for r in rows]


@pytest.fixture
def shelf(api, database):
    """2,400 products: prices and times are shared by several of them."""
    ids = [add_category(api, name)["id"] for name in ("Red tools", "Blue toys", "Else")]
    database.query(
        "insert into product (name, description, price, created_at, category_id, owner_id)"
        " select case i % 3 when 0 then 'Hammer ' else 'Saw ' end || i, '', i % 40,"
        f" timestamptz '2026-01-01' + i % 300 * interval '1 s', (array{ids})[1 + i % 3], i % 2"
        " from generate_series(1, 2400) i;"
        "insert into counter select 'product', category_id, 0, count(*) from product group by 2"
        " union all select 'product', 0, 0, count(*) from product;"
        "insert into user_name values (0, 'zoe', 1), (1, 'adam', 1)", schema="catalog")
    rows = database.query("select p.id, p.name, price, extract(epoch from p.created_at), category_id,"
                          " owner_id, c.name from product p join category c on c.id = category_id",
                          schema="catalog")
    names_of = ("id", "name", "price", "created", "category", "owner", "category_name")
    return ids, [dict(zip(names_of, row)) for row in rows]


def has(*terms):
    return lambda r: all(t in r["name"].lower() or t in r["category_name"].lower() for t in terms)


@pytest.mark.parametrize("query, match", [
    ("", lambda r: True),
    ("price__gte=5", lambda r: r["price"] >= 5),
    ("price__gte=30&price__lte=31", lambda r: 30 <= r["price"] <= 31),
    ("created_by=adam", lambda r: r["owner"] == 1),
    ("created_by=adam&price__lte=30", lambda r: r["owner"] == 1 and r["price"] <= 30),
    ("search=saw", has("saw")), ("search=SAW+toys", has("saw", "toys")),
    ("search=re", has("re")), ("search=red,ham", has("red", "ham")),
    ("search=tools,hammer,7", has("tools", "hammer", "7")), ("search=e,l,o", has("e", "l", "o")),
    ("search=o+re+to+bl", has("o", "re", "to", "bl")),
    ("search=toys&price__gte=39", lambda r: has("toys")(r) and r["price"] >= 39),
])
def test_pages_in_every_order_are_what_sorting_gives(api, shelf, query, match):
    ids, everything = shelf
    rows = [r for r in everything if match(r)]
    chance = random.Random(query)
    for ordering in ONE + TWO:
        wanted = expected_order(rows, ordering)
        size = chance.choice((10, 100))
        last = max(1, (len(wanted) - 1) // size + 1)
        for page in {1, last, chance.randint(1, last)} | {"last"}:
            found = product_list(api, f"{query}&ordering={ordering}&page={page}&page_size={size}")
            start = ((last if page == "last" else page) - 1) * size
            assert found["count"] == len(wanted)
            assert [i["id"] for i in found["results"]] == wanted[start:start + size], (
                ordering, page, size)
        beyond = f"{query}&ordering={ordering}&page={last + 1}&page_size={size}"
        assert api.error("catalog.product.list", query=beyond)[0] == "not_found"


def test_categories_alone_are_summed(api, shelf, database):
    ids, everything = shelf
    database.query("update counter set n = n + 100 where category_id = %s and shard = 0",
                   (ids[0],), schema="catalog")
    of = {c: sum(r["category"] == c for r in everything) for c in ids}
    many = f"category__in={ids[0]},{ids[1]},{ids[0]},999999"
    for more in ("", "&ordering=price", "&ordering=-price,created_at&page=3"):
        assert product_list(api, many + more)["count"] == of[ids[0]] + of[ids[1]] + 100
    assert product_list(api, "ordering=price,-created_at")["count"] == len(everything)


def test_two_users_of_one_name_are_both_found(api, shelf, database):
    database.query("update user_name set username = 'adam'", schema="catalog")
    assert product_list(api, "created_by=adam")["count"] == 2400
    assert product_list(api, "created_by=adam&price__lte=3&ordering=price")["count"] == 240


# ---- totals ----------------------------------------------------------------------


def counted(stack):
    """How often the service has sent the counting statement."""
    text = stack.ops("catalog", "/metrics")[1]
    found = re.findall(r'db_queries_total\{statement="product_count",status="ok"\} (\d+)', text)
    return int(found[0]) if found else 0


def test_few_are_always_counted(api, database):
    ids = fill(api, database, 100, 1)
    query = f"category={ids[0]}&price__gte=50"
    assert product_list(api, query)["count"] == 51
    database.query("delete from product where price = 60", schema="catalog")
    assert product_list(api, query)["count"] == 50  # somebody else's change


def test_a_total_of_many_is_kept_and_forgotten_by_a_write(stack, api, database):
    ids = fill(api, database, 1500, 1)
    query, before = "price__gte=1", counted(stack)
    for _ in range(3):
        assert product_list(api, query)["count"] == 1500
    database.query("delete from product where price = 60", schema="catalog")
    page = product_list(api, query + "&page=150")
    assert (page["count"], len(page["results"])) == (1500, 9)  # somebody else's change: kept
    add_product(api, ids[0], "mine", price="7")
    assert product_list(api, query)["count"] == 1500  # counted again: one less, one more
    add_product(api, ids[0], "mine too", price="7")
    assert product_list(api, query)["count"] == 1501
    assert product_list(api, query + "&ordering=price&page=3")["count"] == 1501

    def told():
        return counted(stack) - before >= 3

    env.wait_until(told, 5, "the metrics come")
    assert counted(stack) - before == 3


def test_a_kept_total_lives_five_seconds(api, database):
    fill(api, database, 1500, 1)
    assert product_list(api, "price__gte=1")["count"] == 1500
    database.query("delete from product where price = 60", schema="catalog")
    assert product_list(api, "price__gte=1")["count"] == 1500
    env.wait_until(lambda: product_list(api, "price__gte=1")["count"] == 1499, 8,
                   "the total is counted anew")


def test_equal_totals_are_counted_once(stack, api, database):
    fill(api, database, 60000, 1)
    before = counted(stack)
    ready = threading.Barrier(8)

    def job(client, n):
        if n < 8:
            ready.wait(env.seconds(10))
        assert product_list(client, "search=e")["count"] == 60000

    in_parallel(stack, 8, job)
    env.wait_until(lambda: counted(stack) > before, 5, "the metrics come")
    assert counted(stack) - before == 1


def test_totals_among_writers_are_exact(stack, api, database):
    """Who lists after his own write is told a total that holds it, also when others are
    counting at that moment; and when all is quiet, all is right."""
    ids = fill(api, database, 3000, 2)
    made = itertools.count(1)
    lock = threading.Lock()
    done = 0  # writes that were acknowledged

    def job(client, n):
        nonlocal done
        name = f"new {next(made)}"
        item = add_product(client, ids[n % 2], name, price="6000", actor=OWNER)
        if n % 3 == 0:
            status, _ = client.call("catalog.product.patch", {"category": ids[(n + 1) % 2]},
                                    path=[item["id"]], **OWNER)
            assert status == 200
        with lock:
            done += 1
            least = done
        total = product_list(client, "price__gte=1&price__lte=7000")["count"]
        assert 3000 + least <= total <= 3048

    in_parallel(stack, 6, job)
    counters_are_exact(database)
    page = product_list(api, "price__gte=1&ordering=-price")
    assert page["count"] == 3048
    assert sum(product_list(api, f"category={i}&price__lte=7000")["count"] for i in ids) == 3048
    assert all(name.startswith("new") for name in names(page))


def test_slow_searches_stall_no_list(stack, api, database):
    """Searches have connections of their own: while a lock holds them all up, a list that
    does not need the locked table is answered."""
    fill(api, database, 1500, 1)
    callers = [own_client(stack) for _ in range(5)]
    with (contextlib.closing(database.cluster.connect(database.name)) as blocker,
          concurrent.futures.ThreadPoolExecutor(len(callers)) as pool):
        cursor = blocker.cursor()
        cursor.execute("begin; lock table catalog.product in access exclusive mode")
        waiting = [pool.submit(caller.call, "catalog.product.list", query=f"search={n}x")
                   for n, caller in enumerate(callers)]
        held = ("select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                " and query like '%when they are few%'")
        env.wait_until(lambda: database.query(held)[0][0] >= 3, 5, "the searches wait")
        assert api.call("catalog.category.list")[0] == 200
        assert not any(w.done() for w in waiting)
        cursor.execute("rollback")
        assert [w.result()[0] for w in waiting] == [200] * len(callers)
    for caller in callers:
        caller.close()
