"""The catalog alone, over a REQ socket, on a database of its own: every rule of its methods."""

import concurrent.futures
import contextlib
import re

import pytest

from catalog_calls import (ADMIN, OWNER, STRANGER, add_category, add_product,
                           counters_are_exact, in_parallel, keyed, names, product_list)
from quintet import env, frame
from quintet.postgres import statement_of

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$")
PRODUCT_KEYS = ["id", "category_name", "created_by", "name", "description", "price",
                "created_at", "category"]
NO_PAGE = {"count": 0, "next": None, "previous": None, "results": []}


# --- categories ---------------------------------------------------------------------------


def test_cat_01_create_answers_with_the_category(api):
    status, value = api.call("catalog.category.create",
                             {"name": " Electronics ", "description": "d"}, **ADMIN)
    assert status == 201
    assert list(value) == ["id", "name", "description", "created_at"]
    assert (value["name"], value["description"]) == ("Electronics", "d")
    assert TIME.match(value["created_at"])


def test_category_description_defaults_to_nothing(api):
    assert add_category(api)["description"] == ""


def test_cat_02_names_are_unique(api, database):
    add_category(api)
    other = add_category(api, "Books")
    taken = ("invalid", {"name": ["category with this name already exists."]})
    assert api.error("catalog.category.create", {"name": "Electronics"}, **ADMIN) == taken
    assert api.error("catalog.category.patch", {"name": "Electronics"}, path=[other["id"]],
                     **ADMIN) == taken
    assert add_category(api, "electronics")["name"] == "electronics"  # another name
    counters_are_exact(database)


@pytest.mark.parametrize("method, path", [
    ("catalog.category.create", []), ("catalog.category.replace", [999]),
    ("catalog.category.patch", [999]), ("catalog.category.delete", [999]),
])
def test_cat_04_writes_are_for_administrators(api, method, path):
    code, _ = api.error(method, {"name": "x"}, path=path, **OWNER)
    assert code == "permission_denied"
    code, _ = api.error(method, {"name": "x"}, path=path)
    assert code == "not_authenticated"


def test_cat_05_show_has_its_products_and_no_time(api):
    category = add_category(api, description="d")
    first = add_product(api, category["id"], "A")
    second = add_product(api, category["id"], "B")
    status, value = api.call("catalog.category.show", path=[category["id"]])
    assert status == 200
    assert list(value) == ["id", "name", "description", "products"]
    assert value["products"] == [second, first]
    assert list(value["products"][0]) == PRODUCT_KEYS


def test_category_show_without_products(api):
    category = add_category(api)
    _, value = api.call("catalog.category.show", path=[category["id"]])
    assert value["products"] == []


def test_cat_05_def_19_show_is_bounded(api, database):
    category = add_category(api)
    database.query(
        "insert into product (name, description, price, created_at, category_id)"
        f" select 'p' || i, '', 1, now(), {category['id']} from generate_series(1, 120) i",
        schema="catalog")
    _, value = api.call("catalog.category.show", path=[category["id"]])
    assert len(value["products"]) == 100


@pytest.mark.parametrize("ident", ["abc", "-1", "0", "1" * 20, "999999", "1.0", ""])
def test_cat_10_ids_that_are_none_are_not_found(api, ident):
    for method in ("catalog.category.show", "catalog.product.show"):
        assert api.error(method, path=[ident])[0] == "not_found"
    for method in ("catalog.category.delete", "catalog.product.delete"):
        assert api.error(method, path=[ident], **ADMIN)[0] == "not_found"
    for method in ("catalog.category.patch", "catalog.product.patch"):
        assert api.error(method, {"name": "x"}, path=[ident], **ADMIN)[0] == "not_found"


def test_cat_06_the_list_is_sorted_for_people(api):
    for name in ("zebra", "Äpfel", "Zoo", "apple", "banana"):
        add_category(api, name)
    status, value = api.call("catalog.category.list")
    assert status == 200
    assert names(value) == ["Äpfel", "apple", "banana", "zebra", "Zoo"] or \
        names(value) == ["apple", "Äpfel", "banana", "zebra", "Zoo"]
    assert list(value) == ["count", "next", "previous", "results"]
    assert list(value["results"][0]) == ["id", "name", "description", "created_at"]


def test_cat_07_cat_08_replace_and_patch(api):
    category = add_category(api, description="d")
    path = [category["id"]]
    assert api.error("catalog.category.replace", {"description": "x"}, path=path, **ADMIN) \
        == ("invalid", {"name": ["This field is required."]})
    status, value = api.call("catalog.category.patch", {}, path=path, **ADMIN)
    assert (status, value) == (200, category)
    status, value = api.call("catalog.category.patch",
                             {"id": 77, "created_at": "x", "description": ""}, path=path,
                             **ADMIN)
    assert (status, value) == (200, {**category, "description": ""})
    status, value = api.call("catalog.category.replace", {"name": "New"}, path=path, **ADMIN)
    assert (status, value["name"]) == (200, "New")


def test_a_missing_category_wins_over_a_wrong_body(api):
    for body in (b"{bad", {"name": ""}):
        assert api.error("catalog.category.replace", body, path=[999], **ADMIN)[0] \
            == "not_found"
    category = add_category(api)
    assert api.error("catalog.category.replace", b"{bad", path=[category["id"]],
                     **ADMIN)[0] == "parse_error"


def test_cat_09_delete(api, database):
    category = add_category(api)
    assert api.call("catalog.category.delete", path=[category["id"]], **ADMIN) == (204, None)
    assert api.error("catalog.category.delete", path=[category["id"]], **ADMIN)[0] \
        == "not_found"
    counters_are_exact(database)


def test_cat_09_def_18_one_with_products_is_kept_unless_told_otherwise(api, database):
    category = add_category(api)
    kept = add_product(api, add_category(api, "Books")["id"])
    for n in range(3):
        add_product(api, category["id"], f"p{n}")
    code, details = api.error("catalog.category.delete", path=[category["id"]], **ADMIN)
    assert code == "conflict"
    assert "3 products" in details["detail"] and details["products"] == 3
    status, _ = api.call("catalog.category.delete", path=[category["id"]],
                         query="cascade=true", **ADMIN)
    assert status == 204
    assert product_list(api)["results"] == [kept]
    assert product_list(api)["count"] == 1
    counters_are_exact(database)


# --- one product --------------------------------------------------------------------------


def test_prd_01_create_answers_with_the_product(api):
    category = add_category(api)
    body = {"name": "Laptop", "description": "High-performance laptop",
            "category": category["id"], "price": "999.99"}
    status, value = api.call("catalog.product.create", body, **OWNER)
    assert status == 201
    assert list(value) == PRODUCT_KEYS
    assert TIME.match(value["created_at"])
    assert value == {**body, "id": value["id"], "created_at": value["created_at"],
                     "category_name": "Electronics", "created_by": "olga"}
    assert api.call("catalog.product.show", path=[value["id"]]) == (200, value)


def test_product_texts_survive_as_they_are(api):
    odd = "\"q\" \\ / \b\f\n\r\t \x01\x7f é 中 😀 </script> '; drop table product; --"
    category = add_category(api, odd[:90])
    value = add_product(api, category["id"], odd, description=odd)
    assert value["name"] == odd and value["description"] == odd
    assert value["category_name"] == category["name"]
    assert api.call("catalog.product.show", path=[value["id"]])[1] == value


def test_product_needs_somebody(api):
    category = add_category(api)
    body = {"name": "x", "price": "1", "category": category["id"]}
    assert api.error("catalog.product.create", body)[0] == "not_authenticated"


def test_an_unknown_category_is_a_field_error(api):
    product = add_product(api, add_category(api)["id"])
    wrong = ("invalid", {"category": ['Invalid pk "99999" - object does not exist.']})
    body = {"name": "x", "price": "1", "category": 99999}
    assert api.error("catalog.product.create", body, **OWNER) == wrong
    assert api.error("catalog.product.patch", {"category": 99999}, path=[product["id"]],
                     **OWNER) == wrong
    assert product_list(api)["count"] == 1


@pytest.mark.parametrize("body, details", [
    ({"name": "", "price": "x", "category": 99999},
     {"name": ["This field may not be blank."], "price": ["A valid number is required."],
      "category": ['Invalid pk "99999" - object does not exist.']}),
    ({"category": -1}, {"name": ["This field is required."],
                        "price": ["This field is required."],
                        "category": ['Invalid pk "-1" - object does not exist.']}),
    ({"name": "x", "price": "x", "category": "0"},
     {"price": ["A valid number is required."],
      "category": ['Invalid pk "0" - object does not exist.']}),
    ({"name": "x", "category": "abc"},
     {"price": ["This field is required."],
      "category": ["Incorrect type. Expected pk value, received str."]}),
    ({"name": "x", "category": 10 ** 18},
     {"price": ["This field is required."],
      "category": [f'Invalid pk "{10 ** 18}" - object does not exist.']}),
])
def test_an_unknown_category_is_told_with_all_else_that_is_wrong(api, body, details):
    product = add_product(api, add_category(api)["id"])
    assert api.error("catalog.product.create", body, **OWNER) == ("invalid", details)
    assert api.error("catalog.product.replace", body, path=[product["id"]], **OWNER) \
        == ("invalid", details)
    assert api.error("catalog.product.replace", body, path=[product["id"]], **STRANGER)[0] \
        == "permission_denied"


def test_a_known_category_is_no_error_beside_others(api):
    category = add_category(api)
    assert api.error("catalog.product.create", {"price": "x", "category": category["id"]},
                     **OWNER) == ("invalid", {"name": ["This field is required."],
                                              "price": ["A valid number is required."]})
    assert api.error("catalog.product.patch", {"price": "x", "category": 99999},
                     path=[add_product(api, category["id"])["id"]], **OWNER) \
        == ("invalid", {"price": ["A valid number is required."],
                        "category": ['Invalid pk "99999" - object does not exist.']})


def test_what_a_client_may_not_set_is_passed_over(api):
    category = add_category(api)
    value = add_product(api, category["id"], id=1, created_by="adm", category_name="X")
    assert value["created_by"] == "olga" and value["category_name"] == "Electronics"
    _, after = api.call("catalog.product.patch", {"created_by": "sven", "id": 5},
                        path=[value["id"]], **OWNER)
    assert after == value


def test_prd_08_who_may_change_a_product(api):
    product = add_product(api, add_category(api)["id"])
    path = [product["id"]]
    status, value = api.call("catalog.product.patch", {"price": "1.5"}, path=path, **OWNER)
    assert (status, value) == (200, {**product, "price": "1.50"})
    assert api.error("catalog.product.patch", {"price": "2"}, path=path, **STRANGER)[0] \
        == "permission_denied"
    assert api.error("catalog.product.delete", path=path, **STRANGER)[0] == "permission_denied"
    status, value = api.call("catalog.product.patch", {"name": "By admin"}, path=path, **ADMIN)
    assert (status, value["created_by"], value["name"]) == (200, "olga", "By admin")


def test_who_is_refused_before_what_is_wrong(api):
    product = add_product(api, add_category(api)["id"])
    for body in (b"{bad", {"price": "x"}):
        for method in ("catalog.product.replace", "catalog.product.patch"):
            assert api.error(method, body, path=[999999], **STRANGER)[0] == "not_found"
            assert api.error(method, body, path=[product["id"]], **STRANGER)[0] \
                == "permission_denied"
    assert api.error("catalog.product.patch", b"{bad", path=[product["id"]], **OWNER)[0] \
        == "parse_error"
    assert api.error("catalog.product.patch", b"x", path=[product["id"]],
                     content_type="text/plain", **OWNER)[0] == "unsupported_media_type"
    assert api.error("catalog.product.patch", b"x", path=[product["id"]],
                     content_type="text/plain", **STRANGER)[0] == "permission_denied"


def test_prd_05_replace_needs_everything_and_keeps_the_owner(api):
    product = add_product(api, add_category(api)["id"], description="d")
    books = add_category(api, "Books")
    path = [product["id"]]
    code, details = api.error("catalog.product.replace", {"name": "x"}, path=path, **OWNER)
    assert (code, list(details)) == ("invalid", ["price", "category"])
    body = {"name": "Book", "price": "3", "category": books["id"]}
    status, value = api.call("catalog.product.replace", body, path=path, **ADMIN)
    assert status == 200
    assert value == {**product, **body, "price": "3.00", "category_name": "Books"}


def test_prd_09_delete(api, database):
    category = add_category(api)
    product = add_product(api, category["id"])
    assert api.call("catalog.product.delete", path=[product["id"]], **OWNER) == (204, None)
    assert api.error("catalog.product.delete", path=[product["id"]], **OWNER)[0] == "not_found"
    assert api.error("catalog.product.show", path=[product["id"]])[0] == "not_found"
    counters_are_exact(database)


def test_the_newest_name_of_a_user_wins(api, database):
    category = add_category(api)
    version = {frame.USER_VERSION: (5).to_bytes(8, "little")}
    older = {frame.USER_VERSION: (4).to_bytes(8, "little")}
    first = add_product(api, category["id"], actor={**OWNER, "headers": version})
    renamed = {**OWNER, "actor_name": "old name", "headers": older}
    add_product(api, category["id"], actor=renamed)
    assert api.call("catalog.product.show", path=[first["id"]])[1]["created_by"] == "olga"
    assert database.query("select username, version from user_name", schema="catalog") \
        == [("olga", 5)]


def test_prd_11_a_product_of_nobody_known(api, database):
    product = add_product(api, add_category(api)["id"])
    database.query("delete from user_name", schema="catalog")
    assert api.call("catalog.product.show", path=[product["id"]])[1]["created_by"] is None


# --- pages --------------------------------------------------------------------------------


@pytest.fixture
def thirteen(api):
    category = add_category(api)
    for n in range(13):
        add_product(api, category["id"], f"p{n:02}", price=str(13 - n))
    return category


def test_3_empty_lists(api):
    for method in ("catalog.product.list", "catalog.category.list"):
        assert api.call(method) == (200, NO_PAGE)
        assert api.call(method, query="page=last") == (200, NO_PAGE)
        assert api.error(method, query="page=2")[0] == "not_found"


def test_3_pages_and_their_links(api, thirteen):
    base = "http://localhost:8000/api/products/"
    first = product_list(api)
    assert (first["count"], first["next"], first["previous"]) == (13, f"{base}?page=2", None)
    assert names(first) == [f"p{n:02}" for n in range(12, 2, -1)]
    second = product_list(api, "page=2")
    assert (second["next"], second["previous"]) == (None, base)
    assert names(second) == ["p02", "p01", "p00"]
    assert product_list(api, "page=last") == second
    assert product_list(api, "page=") == first


def test_3_links_keep_other_parameters_sorted(api, thirteen):
    middle = product_list(api, "z=%26+1&page=2&page_size=3&a=b&ordering=price")
    base = "http://localhost:8000/api/products/"
    rest = "ordering=price&{}page_size=3&z=%26%201"
    assert middle["next"] == f"{base}?a=b&" + rest.format("page=3&")
    assert middle["previous"] == f"{base}?a=b&" + rest.format("")


@pytest.mark.parametrize("page", ["0", "-1", "abc", "1.0", "3", "9" * 18, "9" * 30])
def test_3_pages_that_are_none(api, thirteen, page):
    assert api.error("catalog.product.list", query=f"page={page}")[0] == "not_found"


@pytest.mark.parametrize("size, shown", [("4", 4), ("0", 10), ("-3", 10), ("x", 10),
                                         ("", 10), ("1000", 13)])
def test_3_page_sizes(api, thirteen, size, shown):
    assert len(product_list(api, f"page_size={size}")["results"]) == shown


def test_3_page_size_has_a_maximum(api, database):
    category = add_category(api)
    database.query(
        "insert into product (name, description, price, created_at, category_id)"
        f" select 'p' || i, '', 1, now(), {category['id']} from generate_series(1, 120) i;"
        "insert into counter values ('product', 0, 0, 120)", schema="catalog")
    page = product_list(api, "page_size=500")
    assert (len(page["results"]), page["count"]) == (100, 120)


def test_cat_06_pages(api):
    for n in range(12):
        add_category(api, f"c{n:02}")
    _, value = api.call("catalog.category.list", query="page=2")
    assert names(value) == ["c10", "c11"]
    assert value["previous"] == "http://localhost:8000/api/categories/"
    assert value["count"] == 12


# --- order --------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering, expected", [
    ("", "cab"), ("created_at", "bac"), ("-created_at", "cab"), ("price", "acb"),
    ("-price", "bca"), ("name", "cab"), ("--price", "cab"), ("nonsense,price", "acb"),
    ("price,-created_at", "cab"), ("-price,created_at", "bac"), ("price,-price", "acb"),
])
def test_3_orders(api, database, ordering, expected):
    category = add_category(api)
    for name, price in (("b", "3"), ("a", "1"), ("c", "1")):
        add_product(api, category["id"], name, price=price)
    # ids are fetched ahead in blocks: they need not rise with the time
    database.query("update product p set id = 1000000 + k.n from (select id, row_number()"
                   " over (order by created_at) as n from product) k where k.id = p.id",
                   schema="catalog")
    assert "".join(names(product_list(api, f"ordering={ordering}"))) == expected


def test_3_def_14_equal_times_have_an_order(api, database):
    category = add_category(api)
    database.query(
        "insert into product (name, description, price, created_at, category_id)"
        f" select 'p' || i, '', 1, '2026-01-01', {category['id']} from generate_series(1, 30) i;"
        "insert into counter values ('product', 0, 0, 30)", schema="catalog")
    for ordering in ("", "price", "-price", "created_at", "price,created_at"):
        seen = [i for page in (1, 2, 3)
                for i in names(product_list(api, f"ordering={ordering}&page={page}"))]
        assert len(set(seen)) == 30, ordering


# --- search -------------------------------------------------------------------------------


@pytest.fixture
def shelf(api):
    for category, products in {
            "Electronics": ["Gaming Laptop 50%", "Office laptop", "Phone"],
            "Books": ["Laptops for all", "The_Phone", "Red green book", "Écrin"]}.items():
        ident = add_category(api, category)["id"]
        for name in products:
            add_product(api, ident, name)


@pytest.mark.parametrize("search, found", [
    ("LAPTOP", 3), ("laptop gaming", 1), ("gaming,laptop", 1), ("electronics", 3),
    ("laptop electronics", 2), ('"red green"', 1), ('"green red"', 0), ("'red green' book", 1),
    ("%25", 1), ("_", 1), ("\\", 0), ("écrin", 1), ("nothing", 0), ("", 7), (" , ", 7),
    ('"red', 0), ("o", 7), ("laptop laptop", 3), ("'; drop table product", 0),
])
def test_3_search(api, shelf, search, found):
    page = product_list(api, "search=" + search.replace(" ", "+"))
    assert (page["count"], len(page["results"])) == (found, found)


def test_3_search_is_paged_and_ordered(api, thirteen):
    page = product_list(api, "search=p0&page_size=4&ordering=price&page=2")
    assert (page["count"], names(page)) == (10, ["p05", "p04", "p03", "p02"])
    assert page["next"] == ("http://localhost:8000/api/products/"
                            "?ordering=price&page=3&page_size=4&search=p0")
    assert names(product_list(api, "search=p0&page_size=4&page=last")) == ["p01", "p00"]
    assert api.error("catalog.product.list", query="search=p0&page=2")[0] == "not_found"
    assert product_list(api, "search=none") == NO_PAGE


def test_3_search_refuses_nul(api):
    code, details = api.error("catalog.product.list", query="search=%00")
    assert (code, details) == ("invalid", ["Null characters are not allowed."])


# --- Idempotency-Key ----------------------------------------------------------------------


def test_a_key_replays_the_stored_answer(api, database):
    category = add_category(api)
    body = {"name": "Once", "price": "1", "category": category["id"]}
    first = api.call("catalog.product.create", body, **keyed(OWNER, "k1"))
    api.call("catalog.product.patch", {"name": "Renamed"}, path=[first[1]["id"]], **OWNER)
    assert api.call("catalog.product.create", body, **keyed(OWNER, "k1")) == first
    assert product_list(api)["count"] == 1
    other = api.call("catalog.product.create", body, **keyed(STRANGER, "k1"))
    assert other[0] == 201 and other[1]["id"] != first[1]["id"]
    counters_are_exact(database)


def test_a_key_with_another_body_is_refused(api):
    category = add_category(api)
    body = {"name": "Once", "price": "1", "category": category["id"]}
    api.call("catalog.product.create", body, **keyed(ADMIN, "k2"))
    code, _ = api.error("catalog.product.create", {**body, "price": "2"},
                        **keyed(ADMIN, "k2"))
    assert code == "idempotency_mismatch"
    code, _ = api.error("catalog.category.create", {"name": "Other"}, **keyed(ADMIN, "k2"))
    assert code == "idempotency_mismatch"


def test_a_failed_creation_leaves_its_key_free(api):
    add_category(api)
    taken = {"name": "Electronics"}
    assert api.error("catalog.category.create", taken, **keyed(ADMIN, "k3"))[0] == "invalid"
    status, _ = api.call("catalog.category.create", {"name": "Free"}, **keyed(ADMIN, "k3"))
    assert status == 201
    body = {"name": "x", "price": "1", "category": 99999}
    assert api.error("catalog.product.create", body, **keyed(ADMIN, "k4"))[0] == "invalid"
    body["category"] = add_category(api, "Books")["id"]
    assert api.call("catalog.product.create", body, **keyed(ADMIN, "k4"))[0] == 201


def test_a_category_key_replays(api, database):
    first = api.call("catalog.category.create", {"name": "A"}, **keyed(ADMIN, "k5"))
    assert first[0] == 201
    assert api.call("catalog.category.create", {"name": "A"}, **keyed(ADMIN, "k5")) == first
    counters_are_exact(database)


def test_an_old_key_counts_no_more(api, database):
    category = add_category(api)
    body = {"name": "Once", "price": "1", "category": category["id"]}
    first = api.call("catalog.product.create", body, **keyed(OWNER, "k6"))
    database.query("update idempotency set created_at = now() - interval '25 hours'",
                   schema="catalog")
    second = api.call("catalog.product.create", body, **keyed(OWNER, "k6"))
    assert second[0] == 201 and second[1]["id"] != first[1]["id"]


@pytest.mark.parametrize("key", ["x" * 256, "tab\there", "é"])
def test_keys_that_are_none(api, key):
    body = {"name": "x"}
    assert api.error("catalog.category.create", body, **keyed(ADMIN, key))[0] == "bad_request"


# --- at the same time ---------------------------------------------------------------------


def test_one_key_from_many_makes_one_product(stack, api, database):
    category = add_category(api)
    body = {"name": "Once", "price": "1", "category": category["id"]}
    answers = in_parallel(stack, 8, lambda client, n: client.call(
        "catalog.product.create", body, **keyed(OWNER, f"same{n // 16}")))
    assert {status for status, _ in answers} == {201}
    assert len({value["id"] for _, value in answers}) == 4
    counters_are_exact(database)


def test_totals_stay_exact_among_many_writers(stack, api, database):
    shelves = [add_category(api, f"shelf {n}")["id"] for n in range(3)]

    def job(client, n):
        one = add_product(client, shelves[n % 3], f"p{n}")
        moved = {"category": shelves[(n + 1) % 3]}
        client.call("catalog.product.patch", moved, path=[one["id"]], **OWNER)
        if n % 4 == 0:
            client.call("catalog.product.delete", path=[one["id"]], **OWNER)
        return one

    made = in_parallel(stack, 6, job)
    assert product_list(api)["count"] == len(made) - len(made) // 4
    counters_are_exact(database)


def test_a_category_never_loses_a_product_it_got_meanwhile(stack, api, database):
    def job(client, n):
        name = f"race {n // 4}"
        status, value = client.call("catalog.category.create", {"name": name}, **ADMIN)
        if status != 201:
            rows = database.query("select id from category where name = %s", (name,),
                                  schema="catalog")
            value = {"id": rows[0][0]} if rows else None
        if not value:
            return
        body = {"name": "p", "price": "1", "category": value["id"]}
        status, _ = client.call("catalog.product.create", body, **OWNER)
        assert status in (201, 1002)
        query = "cascade=true" if n % 2 else ""
        status, _ = client.call("catalog.category.delete", path=[value["id"]], query=query,
                                **ADMIN)
        assert status in (204, 1030, 1033)

    in_parallel(stack, 6, job)
    orphans = database.query(
        "select count(*) from product p left join category c on c.id = p.category_id"
        " where c.id is null", schema="catalog")
    assert orphans == [(0,)]
    counters_are_exact(database)


def test_a_product_added_while_its_category_goes_is_counted(stack, api, database, cluster):
    category = add_category(api)["id"]
    other = cluster.connect(database.name)
    other.autocommit = False
    with contextlib.closing(other), other.cursor() as cursor, \
            concurrent.futures.ThreadPoolExecutor(1) as pool:
        cursor.execute("set search_path = catalog; insert into product"
                       " (name, description, price, created_at, category_id)"
                       " values ('late', '', 1, now(), %s);"
                       " insert into counter values ('product', 0, 0, 1), ('product', %s, 0, 1)",
                       (category, category))
        answer = pool.submit(api.error, "catalog.category.delete", path=[category], **ADMIN)
        env.wait_until(lambda: database.query(
            "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
            " and datname = current_database()"), what="the deletion waits for the product")
        other.commit()
        code, details = answer.result()
    assert (code, details["products"]) == ("conflict", 1)
    counters_are_exact(database)


# --- the database -------------------------------------------------------------------------


def test_the_service_may_not_change_its_tables(stack, database):
    name = database.query("select current_database()")[0][0]
    rows = database.query(
        "select has_schema_privilege(%s, 'catalog', 'create'),"
        " has_table_privilege(%s, 'catalog.product', 'truncate'),"
        " has_table_privilege(%s, 'catalog.schema_migration', 'insert'),"
        " has_table_privilege(%s, 'catalog.product', 'delete')", (f"{name}_catalog",) * 4)
    assert rows == [(False, False, False, True)]


def test_migrate_twice_changes_nothing(stack):
    newest = max(p.name for p in (env.ROOT / "services/catalog/sql").glob("0*.sql"))
    assert f"up to date, version {int(newest[:4])}" in stack.verb("catalog", "migrate").stdout
    status = stack.verb("catalog", "migrate", "--status").stdout
    assert "0001_catalog.sql" in status and "applied" in status


def test_lost_sessions_are_replaced(database, api):
    product = add_product(api, add_category(api)["id"])
    for _ in range(3):
        database.query("select pg_terminate_backend(pid) from pg_stat_activity"
                       " where datname = current_database() and usename like '%_catalog'")
        assert api.call("catalog.product.show", path=[product["id"]]) == (200, product)
        assert product_list(api)["results"] == [product]


def test_one_role_is_enough_where_none_may_be_made(cluster, start_stack):
    database = cluster.create_database()
    role = f"{database.name}_only"
    database.query(f"create role {role} login; alter database {database.name} owner to {role}")
    stack = start_stack(["catalog"], database=database, POSTGRES_USER=role,
                        POSTGRES_RUNTIME_USER=role)
    api = stack.client("catalog")
    product = add_product(api, add_category(api)["id"])
    assert api.call("catalog.product.show", path=[product["id"]]) == (200, product)
    assert database.query("select tableowner from pg_tables where schemaname = 'catalog'"
                          " and tablename = 'product'") == [(role,)]


def test_every_statement_fits_the_tables(database, api):
    files = sorted((env.ROOT / "services/catalog/sql").glob("[a-z]*.sql"))
    assert len(files) > 15
    for file in files:
        database.query(f"prepare it as {file.read_text()}", schema="catalog")


def test_old_keys_are_swept(database, api):
    add_category(api)
    database.query(
        "insert into idempotency select 1, 'k' || i, '', 201, '', now() - interval '1 h' * i"
        " from generate_series(1, 10) i", schema="catalog")
    old = "now() - interval '270 minutes'"
    assert database.statement("catalog", "idempotency_clean", old) == [(6,)]
    assert database.query("select count(*) from idempotency", schema="catalog") == [(4,)]


def test_lists_read_their_index(database, api):
    """With many rows no order of the whole list is sorted and nothing is counted, also
    once Postgres plans without looking at the values."""
    category = add_category(api)
    database.query(
        "insert into product (name, description, price, created_at, category_id)"
        f" select 'p' || i, '', i % 1000, now() - i * interval '1 s', {category['id']}"
        " from generate_series(1, 20000) i;"
        "insert into counter values ('product', 0, 0, 20000);"
        "analyze product; analyze counter", schema="catalog")
    for name in ("newest", "oldest", "cheapest", "dearest"):
        text = statement_of("catalog", f"product_{name}")
        prepared = f"prepare page as {text};" + "execute page (10, 3);" * 7
        plan = database.query(prepared + "explain execute page (10, 3)", schema="catalog")
        plan = "\n".join(line for (line,) in plan)
        assert re.search(r"Index Scan.* on product\b", plan), plan
        assert "Seq Scan on product" not in plan, plan
