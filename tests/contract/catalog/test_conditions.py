"""Entity tags: 304 for what a client has, 412 for what has changed meanwhile."""

import re

import pytest

from catalog_calls import (ADMIN, OWNER, STRANGER, add_category, add_product,
                           counters_are_exact, in_parallel)
from quintet import frame

STRONG, WEAK = re.compile(r'^"[0-9a-f]{32}"$'), re.compile(r'^W/"[0-9a-f]{32}"$')


def tag_of(api, method, **more):
    reply = api.call_frame(method, **more)
    assert reply.status == 200
    return reply.text(frame.ETAG)


def product_tag(api, product):
    return tag_of(api, "catalog.product.show", path=[product["id"]])


def category_tag(api, category):
    return tag_of(api, "catalog.category.show", path=[category["id"]])


def given(actor, tag):
    return {**actor, "headers": {frame.IF_MATCH: tag}}


def seen(tag):
    return {"headers": {frame.IF_NONE_MATCH: tag}}


@pytest.fixture
def category(api):
    return add_category(api)


@pytest.fixture
def product(api, category):
    return add_product(api, category["id"])


# --- reads --------------------------------------------------------------------------------


def test_items_have_strong_tags_and_lists_weak_ones(api, category, product):
    assert STRONG.match(product_tag(api, product))
    assert STRONG.match(category_tag(api, category))
    for method in ("catalog.product.list", "catalog.category.list"):
        assert WEAK.match(tag_of(api, method))
    assert product_tag(api, product) == product_tag(api, product)


@pytest.mark.parametrize("method, of_item", [
    ("catalog.product.show", "product"), ("catalog.category.show", "category"),
    ("catalog.product.list", None), ("catalog.category.list", None)])
def test_what_a_client_has_is_not_sent_again(api, category, product, method, of_item):
    item = {"product": product, "category": category}.get(of_item)
    path = {"path": [item["id"]]} if item else {}
    tag = tag_of(api, method, **path)
    bare = tag.removeprefix("W/")
    for condition in (tag, bare, f"W/{bare}", f'"other", {tag}', "*"):
        reply = api.call_frame(method, **path, **seen(condition))
        assert (reply.status, reply.body) == (304, b""), condition
        assert reply.text(frame.ETAG) == tag
    for condition in ('"other"', bare.strip('"'), bare[:-2] + '"', ""):
        reply = api.call_frame(method, **path, **seen(condition))
        assert reply.status == 200 and reply.body, condition


def test_a_missing_item_is_no_304(api):
    assert api.error("catalog.product.show", path=[999], **seen("*"))[0] == "not_found"


def test_every_change_of_the_bytes_is_another_tag(api, database, category, product):
    item, shelf, pages = set(), set(), set()

    def note():
        before = len(item), len(pages)
        item.add(product_tag(api, product))
        shelf.add(category_tag(api, category))
        pages.add(tag_of(api, "catalog.product.list"))
        assert (len(item), len(pages)) == (before[0] + 1, before[1] + 1)
        assert len(shelf) == len(item)

    note()
    api.call("catalog.product.patch", {"price": "1"}, path=[product["id"]], **OWNER)
    note()
    api.call("catalog.category.patch", {"name": "Renamed"}, path=[category["id"]], **ADMIN)
    note()
    database.query("update user_name set username = 'another', version = 9", schema="catalog")
    note()


def test_other_links_are_another_tag_of_a_list(api, product):
    assert tag_of(api, "catalog.product.list") == tag_of(api, "catalog.product.list", query="a=b")
    add = product["category"]
    for n in range(10):
        add_product(api, add, f"p{n}")
    assert tag_of(api, "catalog.product.list") != tag_of(api, "catalog.product.list", query="a=b")


# --- writes -------------------------------------------------------------------------------


def test_a_product_changes_when_it_is_the_one_that_was_read(api, product):
    path, tag = [product["id"]], product_tag(api, product)
    full = {"name": "x", "price": "2", "category": product["category"]}
    assert api.call("catalog.product.patch", {"price": "1"}, path=path, **given(OWNER, tag))[0] \
        == 200
    for method, body in (("catalog.product.patch", {"price": "3"}),
                         ("catalog.product.replace", full), ("catalog.product.delete", None)):
        for stale in (tag, f"W/{product_tag(api, product)}", '"other"'):
            assert api.error(method, body, path=path, **given(OWNER, stale))[0] \
                == "precondition_failed"
    assert api.call("catalog.product.show", path=path)[1]["price"] == "1.00"
    fresh = f'"other", {product_tag(api, product)}'
    assert api.call("catalog.product.replace", full, path=path, **given(ADMIN, fresh))[0] == 200
    assert api.call("catalog.product.delete", path=path, **given(OWNER, "*"))[0] == 204


def test_a_category_changes_when_it_is_the_one_that_was_read(api, database, category):
    path, tag = [category["id"]], category_tag(api, category)
    assert api.call("catalog.category.patch", {"description": "n"}, path=path,
                    **given(ADMIN, tag))[0] == 200
    for method, body in (("catalog.category.patch", {"name": "x"}),
                         ("catalog.category.replace", {"name": "x"}),
                         ("catalog.category.delete", None)):
        assert api.error(method, body, path=path, **given(ADMIN, tag))[0] \
            == "precondition_failed"
    tag = category_tag(api, category)
    assert api.call("catalog.category.replace", {"name": "x"}, path=path,
                    **given(ADMIN, tag))[0] == 200
    tag = category_tag(api, category)
    assert api.call("catalog.category.delete", path=path, **given(ADMIN, tag))[0] == 204
    counters_are_exact(database)


def test_what_is_wrong_otherwise_comes_before_the_condition(api, product):
    path, stale = [product["id"]], '"other"'
    body = {"price": "x"}
    for method in ("catalog.product.patch", "catalog.product.delete"):
        assert api.error(method, {"price": "1"}, path=[999], **given(OWNER, stale))[0] \
            == "not_found"
        assert api.error(method, {"price": "1"}, path=path, **given(STRANGER, stale))[0] \
            == "permission_denied"
    assert api.error("catalog.product.patch", body, path=path, **given(OWNER, stale))[0] \
        == "invalid"
    for method in ("catalog.category.patch", "catalog.category.delete"):
        assert api.error(method, {"name": "x"}, path=[999], **given(ADMIN, stale))[0] \
            == "not_found"
        assert api.error(method, {"name": "x"}, path=[999], **given(ADMIN, "*"))[0] \
            == "not_found"
        assert api.error(method, {"name": "x"}, path=path, **given(OWNER, stale))[0] \
            == "permission_denied"


@pytest.mark.parametrize("kind", ["product", "category"])
def test_of_many_writers_with_one_tag_one_wins(stack, api, category, product, kind):
    item, show = (product, product_tag) if kind == "product" else (category, category_tag)
    tag = show(api, item)
    answers = in_parallel(stack, 6, lambda client, n: client.call(
        f"catalog.{kind}.patch", {"name": f"name {n}"}, path=[item["id"]],
        **given(ADMIN, tag))[0])
    assert sorted(set(answers)) == [200, 1035] and answers.count(200) == 1
