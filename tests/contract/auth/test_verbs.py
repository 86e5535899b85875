"""auth createsuperuser and auth keys."""

import os
import signal
import subprocess
import termios

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


def change(stack, name, password, again=None):
    return stack.verb("auth", "changepassword", name, check=False,
                      typed=f"{password}\n{password if again is None else again}\n")


def test_an_operator_changes_a_password(stack, auth, register, login, events_of, database):
    """manage.py changepassword: the old one and its sessions end, locks of it too."""
    user = register(email="forgetful@example.com")
    old = login(user)
    fresh = user | {"password": "quite another pass phrase"}
    for _ in range(5):
        auth.error("auth.login", {"username": user["username"], "password": "wrong"})
    auth.call("auth.forgot_password", {"email": user["email"]})
    reset = events_of(user["id"], 2)[1]

    done = change(stack, user["username"], fresh["password"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"{user['username']}: password changed, all sessions ended.\n")
    assert fresh["password"] not in done.stdout + done.stderr
    assert jwt.decode(login(fresh)["access"], options={"verify_signature": False})["uv"] == 2
    assert auth.error("auth.refresh", {"refresh": old["refresh"]})[0] == "token_not_valid"
    event = events_of(user["id"], 3)[2]
    assert reset["type"] == "user.password_reset_requested"
    assert (event["type"], event["sealed"]) == ("user.password_changed", None)
    assert event["payload"] == {"user_id": user["id"], "username": user["username"],
                                "email": user["email"], "uv": 2, "min_uv": 2}
    assert database.query(f"select event, detail from audit where target_id = {user['id']} "
                          "and event like 'password.%'", schema="auth") == [
        ("password.set", {"by": "auth changepassword"})]
    assert database.query(f"select reset_link from users where id = {user['id']}",
                          schema="auth") == [(None,)]
    assert database.query("select min_uv, cause from revocation where user_id = "
                          f"{user['id']}", schema="auth") == [(2, "ended")]


def test_a_borrowed_address_gets_no_notice(stack, register, events_of, database):
    """An account whose address is somebody else's (no email_key) is mailed nothing."""
    user = register(email="mine@example.com")
    database.query(f"update users set email_key = null where id = {user['id']}", schema="auth")
    assert change(stack, user["username"], "quite another pass phrase").returncode == 0
    assert events_of(user["id"], 2)[1]["payload"]["email"] == ""


def test_passwords_an_operator_cannot_set(stack, register, login):
    user = register()
    name = user["username"]
    for password, again, said in (("password", None, "too common"),
                                  (name, None, "too similar"), ("short", None, "too short"),
                                  ("one pass phrase here", "another one", "didn't match")):
        done = change(stack, name, password, again)
        assert done.returncode == 65 and said in done.stderr, (password, done.stderr)
    assert change(stack, "nobody", PASSWORD).returncode == 65
    assert stack.verb("auth", "changepassword", name, check=False).returncode == 65
    assert stack.verb("auth", "changepassword", check=False).returncode == 64
    login(user)


def test_a_refusal_of_postgres_names_the_settings(stack):
    done = stack.verb("auth", "migrate", check=False, POSTGRES_DB="nowhere")
    assert done.returncode == 69
    assert "POSTGRES_DB" in done.stderr and '"nowhere" does not exist' in done.stderr


def test_a_mistyped_password_is_asked_again(stack, login):
    typed = f"ada\nada@example.com\n{PASSWORD}\nsomething else\n{PASSWORD}\n{PASSWORD}\n"
    done = stack.verb("auth", "createsuperuser", typed=typed)
    assert "didn't match" in done.stderr and "created" in done.stdout
    login({"username": "ada", "password": PASSWORD})


def test_ctrl_c_at_a_hidden_prompt_gives_the_terminal_its_echo_back(stack):
    controller, terminal = os.openpty()
    verb = subprocess.Popen([env.BIN / "auth", "changepassword", "ada"], stdin=terminal,
                            env=stack.environment("auth"), stdout=subprocess.PIPE, text=True)

    def shows():
        return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

    try:
        assert shows()
        env.wait_until(lambda: not shows(), 10, "the password is asked for")
        verb.send_signal(signal.SIGINT)
        assert verb.wait(env.seconds(10)) == -signal.SIGINT
        assert shows()
    finally:
        verb.kill()
        verb.communicate()
        os.close(controller)
        os.close(terminal)


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
