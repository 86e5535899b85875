"""The main job, end to end: all five daemons, Postgres, Redis and a mail server."""

import re

import pytest
from quintet import env

PASSWORD = "testpass123"


@pytest.fixture(scope="module")
def stack(start_stack, redis, smtp):
    return start_stack(["auth", "catalog", "mailer", "monitor", "gateway"], redis=redis,
                       **smtp.env())


@pytest.fixture(scope="module")
def api(stack):
    """api("POST", path, body, token=...) -> (status, value)."""
    return lambda *args, **more: stack.http(*args, **more)[:2]


def register(api, name):
    return api("POST", "/api/auth/register",
               {"username": name, "email": f"{name}@example.com", "password": PASSWORD,
                "password2": PASSWORD})


def log_in(api, name):
    status, tokens = api("POST", "/api/auth/login",
                         {"username": name, "password": PASSWORD})
    assert status == 200, tokens
    assert list(tokens) == ["refresh", "access"]
    return tokens


@pytest.fixture(scope="module")
def users(stack, api):
    """Access tokens by name: two plain users and an administrator."""
    stack.verb("auth", "createsuperuser", "--no-input", DJANGO_SUPERUSER_USERNAME="boss",
               DJANGO_SUPERUSER_EMAIL="boss@example.com",
               DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    for name in ("testuser", "stranger"):
        status, user = register(api, name)
        assert status == 201, user
        assert user == {"id": user["id"], "username": name, "role": "USER",
                        "email": f"{name}@example.com"}
    return {name: log_in(api, name)["access"] for name in ("testuser", "stranger", "boss")}


@pytest.fixture(scope="module")
def category(api, users):
    status, value = api("POST", "/api/categories",
                        {"name": "Electronics", "description": "Electronic products"},
                        token=users["boss"])
    assert status == 201, value
    return value


@pytest.fixture(scope="module")
def product(api, users, category):
    status, value = api("POST", "/api/products",
                        {"name": "Laptop", "description": "High-performance laptop",
                         "category": category["id"], "price": "999.99"},
                        token=users["testuser"])
    assert status == 201, value
    return value


def test_registration_is_mailed_and_the_link_verifies(stack, api, users, smtp):
    mail = smtp.wait_for("testuser@example.com")[0]
    link = re.search(r"http\S+/api/auth/verify-email\?token=(\S+)", mail.text)
    assert link and link[0].startswith(stack.url)
    status, value = api("POST", "/api/auth/verify-email", {"token": link[1]})
    assert (status, value) == (200, {"message": "Email verified"})
    status, value = api("POST", "/api/auth/verify-email", {"token": link[1]})
    assert (status, value) == (200, {"message": "Already verified"})
    # One verification mail, whatever else is written to a verified user.
    assert sum("verify-email" in m.text for m in smtp.to("testuser@example.com")) == 1


def test_a_name_is_taken_once(api, users):
    status, value = register(api, "testuser")
    assert status == 400
    assert value["details"]["username"] == ["A user with that username already exists."]
    assert value["error"] is True and value["status_code"] == 400


def test_refresh_gives_a_fresh_access_token(api, users):
    tokens = log_in(api, "testuser")
    status, value = api("POST", "/api/auth/refresh", {"refresh": tokens["refresh"]})
    assert status == 200
    assert value["access"] != tokens["access"]


def test_only_an_admin_creates_categories(api, users, category):
    assert category["name"] == "Electronics"
    body = {"name": "Books"}
    assert api("POST", "/api/categories", body, token=users["testuser"])[0] == 403
    assert api("POST", "/api/categories", body)[0] == 401


def test_everybody_reads(api, category, product):
    status, page = api("GET", "/api/products")
    assert status == 200
    assert page["count"] == 1 and page["results"] == [product]
    assert api("GET", f"/api/products/{product['id']}/") == (200, product)
    status, detail = api("GET", f"/api/categories/{category['id']}")
    assert status == 200 and detail["products"] == [product]
    assert product["created_by"] == "testuser" and product["price"] == "999.99"
    assert product["category_name"] == "Electronics"


def test_the_owner_edits_and_a_stranger_does_not(api, users, product):
    path = f"/api/products/{product['id']}"
    status, value = api("PATCH", path, {"price": "1.5"}, token=users["testuser"])
    assert status == 200 and value["price"] == "1.50"
    assert api("PATCH", path, {"price": "2"}, token=users["stranger"])[0] == 403
    assert api("PATCH", path, {"price": "2"})[0] == 401
    status, value = api("PATCH", path, {"price": "x"}, token=users["testuser"])
    assert status == 400
    assert value["details"] == {"price": ["A valid number is required."]}
    assert api("GET", path)[1]["price"] == "1.50"


def test_the_admin_deletes(api, users, category):
    status, extra = api("POST", "/api/products",
                        {"name": "Mouse", "category": category["id"], "price": 5},
                        token=users["testuser"])
    assert status == 201
    path = f"/api/products/{extra['id']}"
    assert api("DELETE", path, token=users["stranger"])[0] == 403
    assert api("DELETE", path, token=users["boss"])[0] == 204
    assert api("GET", path)[0] == 404
    assert api("DELETE", path, token=users["boss"])[0] == 404


def test_health(api):
    status, value = api("GET", "/health")
    assert (status, value["status"]) == (200, "healthy")


@pytest.mark.parametrize("service", ["auth", "catalog", "mailer"])
def test_the_job_goes_on_after_a_kill(stack, api, users, smtp, product, service):
    stack.daemons[service].kill()
    stack.restart(service)
    env.wait_until(lambda: api("GET", "/health")[1]["status"] == "healthy", 20,
                   "the system is well again")
    name = f"after_{service}"
    assert register(api, name)[0] == 201
    smtp.wait_for(f"{name}@example.com", timeout=30)
    assert api("GET", f"/api/products/{product['id']}")[0] == 200


def test_both_searches_have_their_index(stack, database):
    """The extension behind them belongs to neither service."""
    assert stack and database.query(
        "select schemaname, indexname from pg_indexes where indexname in"
        " ('product_name_parts', 'job_recipient_parts') order by 1") == [
            ("catalog", "product_name_parts"), ("mailer", "job_recipient_parts")]
