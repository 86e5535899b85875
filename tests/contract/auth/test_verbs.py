"""auth createsuperuser and auth keys."""

import jwt
from quintet import env
from quintet.stack import Daemon

PASSWORD = "an admin's pass phrase"


def create(stack, check=True, *arguments, **settings):
    return stack.verb("auth", "createsuperuser", "--no-input", *arguments, check=check,
                      **settings)


def test_an_admin_from_the_environment(stack, auth, login, events_of):
    done = create(stack, DJANGO_SUPERUSER_USERNAME="root",
                  DJANGO_SUPERUSER_EMAIL="root@example.com",
                  DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    assert "created" in done.stdout and PASSWORD not in done.stdout + done.stderr
    tokens = login({"username": "root", "password": PASSWORD})
    claims = jwt.decode(tokens["access"], options={"verify_signature": False})
    assert claims["role"] == "ADMIN"
    event, = events_of(claims["user_id"])
    assert event["type"] == "user.created" and event["sealed"] is None
    assert event["payload"] == {"user_id": claims["user_id"], "username": "root",
                                "email": "root@example.com"}
    again = create(stack, False, DJANGO_SUPERUSER_USERNAME="ROOT",
                   DJANGO_SUPERUSER_PASSWORD=PASSWORD)
    assert again.returncode == 65 and "taken" in again.stderr


def test_refusals(stack):
    cases = [
        (64, {}, "DJANGO_SUPERUSER_USERNAME"),
        (64, {"DJANGO_SUPERUSER_USERNAME": "x"}, "DJANGO_SUPERUSER_PASSWORD"),
        (65, {"DJANGO_SUPERUSER_USERNAME": "x", "DJANGO_SUPERUSER_PASSWORD": "password"},
         "too common"),
        (65, {"DJANGO_SUPERUSER_USERNAME": "a b", "DJANGO_SUPERUSER_PASSWORD": PASSWORD},
         "valid username"),
        (65, {"DJANGO_SUPERUSER_USERNAME": "x", "DJANGO_SUPERUSER_EMAIL": "nope",
              "DJANGO_SUPERUSER_PASSWORD": PASSWORD}, "valid email"),
    ]
    for code, settings, said in cases:
        done = create(stack, False, **settings)
        assert done.returncode == code and said in done.stderr, (settings, done.stderr)


def key_ids(client):
    return [k["kid"] for k in client.call("auth.jwks")[1]["keys"]]


def test_a_new_key_is_published_before_it_signs(stack, auth, database, register, login):
    user = register()
    old = login(user)["refresh"]

    def signer():
        return jwt.get_unverified_header(login(user)["access"])["kid"]

    before = signer()
    kid = stack.verb("auth", "keys", "rotate").stdout.split()[1]
    listed = stack.verb("auth", "keys", "list").stdout
    assert kid in listed and before in listed
    env.wait_until(lambda: kid in key_ids(auth), 10, "the new key is published")
    assert signer() == before
    database.query(f"update signing_key set signs_from = now() where kid = '{kid}'",
                   schema="auth")
    env.wait_until(lambda: signer() == kid, 10, "the new key signs")
    assert auth.call("auth.refresh", {"refresh": old})[0] == 200


def test_replicas_that_start_together_agree_on_one_key(stack, auth, database):
    first = stack.daemons["auth"]
    port = stack.ports.take()
    other = Daemon("auth", first.environment | {
        "AUTH_RPC_LISTEN": f"tcp://127.0.0.1:{port}",
        "AUTH_OPS_LISTEN": f"127.0.0.1:{stack.ports.take()}",
        "AUTH_EVENTS_LISTEN": f"tcp://127.0.0.1:{stack.ports.take()}"},
        stack.dir / "auth-other.log")
    first.stop()
    database.query("truncate signing_key", schema="auth")
    other.start()
    stack.restart("auth")
    try:
        with type(auth)(f"tcp://127.0.0.1:{port}", auth.server, auth.key_pair) as client:
            env.wait_until(lambda: client.call("auth.jwks")[0] == 200, 10,
                           "the other replica has a key")
            assert key_ids(client) == key_ids(auth)
        assert len(key_ids(auth)) == 1
    finally:
        other.stop()
