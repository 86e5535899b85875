"""What the tests of the catalog share: callers, and calls that must succeed."""

import concurrent.futures
import threading

from quintet import frame
from quintet.client import Client, read_cert

ADMIN = {"actor": 1, "actor_name": "adm", "role": "ADMIN"}
OWNER = {"actor": 2, "actor_name": "olga"}
STRANGER = {"actor": 3, "actor_name": "sven"}


def add_category(api, name="Electronics", **more):
    status, value = api.call("catalog.category.create", {"name": name, **more}, **ADMIN)
    assert status == 201, value
    return value


def add_product(api, category, name="Laptop", price="999.99", actor=OWNER, **more):
    body = {"name": name, "price": price, "category": category, **more}
    status, value = api.call("catalog.product.create", body, **actor)
    assert status == 201, value
    return value


def names(page):
    return [item["name"] for item in page["results"]]


def product_list(api, query=""):
    status, value = api.call("catalog.product.list", query=query)
    assert status == 200, value
    return value


def counters_are_exact(database):
    wrong = database.query(
        "select k.kind, k.category_id, k.n, r.n from"
        " (select kind, category_id, sum(n) n from counter group by 1, 2) k full join"
        " (select 'product' kind, 0::bigint category_id, count(*) n from product"
        "  union all select 'category', 0, count(*) from category"
        "  union all select 'product', category_id, count(*) from product group by 2) r"
        " using (kind, category_id) where coalesce(k.n, 0) <> coalesce(r.n, 0)",
        schema="catalog")
    assert wrong == []


def keyed(actor, key):
    return {**actor, "headers": {frame.IDEMPOTENCY_KEY: key}}


def own_client(stack):
    """A client for one thread."""
    key_pair = read_cert(stack.dir / "clients" / "gateway.key_secret")
    return Client(stack.endpoint("catalog"), stack.server_key("catalog"), key_pair,
                  contract=stack.contract)


def in_parallel(stack, workers, job):
    """job(client, number) in threads, each with a client of its own."""
    local, clients = threading.local(), []

    def run(number):
        if not hasattr(local, "client"):
            local.client = own_client(stack)
            clients.append(local.client)
        return job(local.client, number)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(run, range(workers * 8)))
    for client in clients:
        client.close()
    return answers
