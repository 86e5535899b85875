"""When two addresses are one mailbox: the key that is unique, and by which links are asked for."""

import itertools

import pytest

PASSWORD = "a pass phrase of some length"
TAKEN = ("invalid", {"email": ["A user with that email already exists."]})

# Spellings of one mailbox; {} is a name that nobody has.
MAILBOXES = {
    "a domain of another script": ["{}@bücher.example", "{}@xn--bcher-kva.example",
                                   "{}@XN--BCHER-KVA.Example", "{}@BÜCHER\uff0eexample"],
    "several labels": ["{}@中文.straße.example", "{}@xn--fiq228c.straße.example",
                       "{}@xn--fiq228c.xn--strae-oqa.example"],
    "needless quotes": ["{}.b@example.com", '"{}.b"@example.com', r'"{}\.\b"@example.com'],
    "quotes": [r'"{}\ @\b"@example.com', r'"{}\ @b"@example.com'],
    "a literal": ["{}@[2001:db8::1]", "{}@[2001:DB8:0::1]"],
}


@pytest.fixture
def key_of(database):
    def find(user):
        return database.query("select email_key from users where id = %s", [user["id"]],
                              schema="auth")[0][0]
    return find


@pytest.mark.parametrize("kind", MAILBOXES)
def test_one_mailbox_is_one_account(auth, register, new_name, events_of, kind):
    """Whoever has it, and however it was typed: it shows as typed, and is taken."""
    for first in MAILBOXES[kind]:
        name = new_name()
        spellings = [text.format(name) for text in MAILBOXES[kind]]
        user = register(email=first.format(name))
        shown, domain = user["email"].rsplit("@", 1)
        assert shown == first.format(name).rsplit("@", 1)[0]
        assert domain.isascii() == first.isascii()
        for other in spellings:
            assert auth.error("auth.register", {"username": new_name(), "email": other,
                                                "password": PASSWORD}) == TAKEN
    assert auth.call("auth.forgot_password", {"email": spellings[0]})[0] == 200
    event = events_of(user["id"], 2)[1]
    assert event["type"] == "user.password_reset_requested"
    assert event["payload"]["email"] == user["email"]


def test_other_mailboxes_are_others(register, new_name):
    """ß is a letter of its own in domains; the local part is the server's business."""
    name = new_name()
    for text in ("{}@straße.example", "{}@strasse.example", '"{}\\ "@example.com',
                 "{}@example.com", "{}@[192.0.2.1]", "{}@[::192.0.2.1]"):
        register(email=text.format(name))


def test_an_operator_cannot_give_it_twice(stack, auth, register, new_name):
    name = new_name()
    register(email=f"{name}@bücher.example")
    monitor = stack.client("auth", "monitor")
    other = register(email=f"{name}@example.com")
    assert monitor.error("auth.users.correct_email", {
        "user_id": other["id"], "email": f"{name}@xn--bcher-kva.example",
        "reason": "a typing error"}, actor=1, role="ADMIN") == TAKEN


def migrate_again(stack, database, version):
    """Applies a migration to the rows that are there now."""
    database.query(f"delete from schema_migration where version = {version}", schema="auth")
    stack.verb("auth", "migrate")


def test_keys_of_before_are_made_new(stack, database, register, new_name, key_of):
    """The migration's SQL makes the key that auth makes."""
    texts = itertools.chain(*MAILBOXES.values(), (
        "{}@example.com", "{}@ü.example", "{}@bücher-und-mehr.example", "{}@παράδειγμα.example",
        "{}@例え.テスト", "{}@مثال.example", "{}@ünïcödé.ex-ämple.example", "{}@a中b国c.example",
        "{}@" + "ü" * 30 + ".example", '"{}<>"@example.com', '"\\"{}\\\\"@example.com'))
    users = [register(email=text.format(new_name())) for text in texts]
    keys = [key_of(user) for user in users]
    assert all(key.isascii() for key in keys)
    for user in users:
        database.query("update users set email_key = lower(email) where id = %s",
                       [user["id"]], schema="auth")
    assert [key_of(user) for user in users] != keys
    migrate_again(stack, database, 12)
    assert [key_of(user) for user in users] == keys


def test_of_twins_of_before_one_keeps_the_mailbox(stack, auth, database, register, new_name,
                                                  key_of, events_of):
    """The confirmed one, else the oldest. The other goes on without a mailbox."""
    def twins(verified):
        name = new_name()
        pair = [register(email=f"{new_name()}@example.com") for _ in range(2)]
        for user, text, sure in zip(pair, ("xn--bcher-kva", "bücher"), verified):
            database.query(
                "update users set email = %(e)s, email_key = %(e)s, is_verified = %(v)s "
                "where id = %(id)s", {"e": f"{name}@{text}.example", "v": sure,
                                      "id": user["id"]}, schema="auth")
        return pair, f"{name}@xn--bcher-kva.example"

    rows = {verified: twins(verified) for verified in
            itertools.product((False, True), repeat=2)}
    migrate_again(stack, database, 12)
    for verified, (pair, key) in rows.items():
        keeps = 1 if verified == (False, True) else 0
        assert (key_of(pair[keeps]), key_of(pair[1 - keeps])) == (key, None)
        assert auth.call("auth.forgot_password", {"email": key})[0] == 200
        events = events_of(pair[keeps]["id"], 2)
        assert events[-1]["type"] == "user.password_reset_requested"
        assert auth.call("auth.login", {"username": pair[1 - keeps]["username"],
                                        "password": PASSWORD})[0] == 200


def test_createsuperuser_knows_them_too(stack, register, new_name):
    name = new_name()
    register(email=f"{name}@bücher.example")
    done = stack.verb("auth", "createsuperuser", "--no-input", check=False,
                      DJANGO_SUPERUSER_USERNAME=new_name(),
                      DJANGO_SUPERUSER_EMAIL=f"{name}@xn--bcher-kva.example",
                      DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    assert done.returncode == 65 and "already taken" in done.stderr
