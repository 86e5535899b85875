"""Which passwords a new account may have, beside the pinned cases of test_register."""

import gzip
import json
import pathlib
import types
import warnings

import pytest
from many import ask_many
from quintet import env

COMMON = "This password is too common."
PASSWORD = "a pass phrase of some length"


def verdicts(auth, passwords):
    """What is said of each password, without making an account: password2 differs."""
    frames = [auth.request("auth.register",
                           {"username": "nobody-yet", "password": p, "password2": "-"})
              for p in passwords]
    return [json.loads(a.body).get("password", []) for a in ask_many(auth, frames)]


@pytest.fixture(scope="module")
def django_list():
    """The file and its lines."""
    django = pytest.importorskip("django")
    path = pathlib.Path(django.__file__).parent / "contrib/auth/common-passwords.txt.gz"
    with gzip.open(path, "rt") as f:
        return path, [line.strip() for line in f]


def test_the_common_passwords_of_django(auth, django_list):
    """Of its list's entries that are long enough, thousands are refused as they come."""
    easy = ["password", "iloveyou", "qwertyuiop", "michael1", "superman"]
    listed = [p for p in django_list[1] if len(p) >= 8]
    assert len(listed) > 8000 and set(easy) <= set(listed)
    # libzxcvbn under the sanitizers takes 5 ms for each: there, every tenth and the easy ones.
    asked = listed[::10] + easy if env.PROFILE == "asan" else listed
    said = verdicts(auth, asked)
    assert sum(COMMON in messages for messages in said) >= len(asked) * 0.47
    for one in easy:
        assert said[asked.index(one)] == [COMMON], one


def validators_of_django():
    """says(password, user name) -> the messages of Django itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Django, about Python
        from django.conf import settings
        if not settings.configured:
            settings.configure(USE_I18N=False)
        from django.contrib.auth import password_validation as v
        from django.core.exceptions import ValidationError
    validators = [v.UserAttributeSimilarityValidator(), v.MinimumLengthValidator(),
                  v.CommonPasswordValidator(), v.NumericPasswordValidator()]

    class User:
        username, email = "nobody-yet", ""

        class _meta:
            @staticmethod
            def get_field(name):
                return types.SimpleNamespace(verbose_name=name)

    def says(password):
        found = []
        for validator in validators:
            try:
                validator.validate(password, User)
            except ValidationError as e:
                found += e.messages
        return found

    return says


def test_the_verdicts_of_django_itself(stack, auth, django_list, tmp_path):
    """With its list as AUTH_PASSWORD_BLOCKLIST and no estimate: the same messages."""
    (tmp_path / "list").write_text("\n".join(django_list[1]))
    stack.restart("auth", AUTH_PASSWORD_BLOCKLIST=tmp_path / "list",
                  AUTH_PASSWORD_MIN_BITS=0)
    try:
        django_says = validators_of_django()
        passwords = django_list[1][::4] + [
            "nobody-yet", "nobodyyet1", "NOBODY-YET", "yet-nobody", "nob", "x" * 7,
            "1234567", "1234567890123456789", "٣٣٣٣٣٣٣٣٣٩", "7" * 64, "a nobody never yet",
            "éàü", "testpass123", PASSWORD, "0123", "12345678", "Password", "kx8#Vq2pLm"]
        for password, said in zip(passwords, verdicts(auth, passwords)):
            assert said == django_says(password), password
    finally:
        stack.restart("auth", AUTH_PASSWORD_BLOCKLIST="", AUTH_PASSWORD_MIN_BITS=10)


def test_a_weak_one_is_told_with_all_else(auth, register):
    taken = register()
    code, details = auth.error("auth.register", {
        "username": taken["username"], "password": "michael1"})
    assert code == "invalid" and details == {
        "username": ["A user with that username already exists."], "password": [COMMON]}


def test_the_limits_are_settings(stack, auth):
    stack.restart("auth", AUTH_PASSWORD_MIN_LENGTH=15, AUTH_PASSWORD_MIN_BITS=40)
    try:
        assert verdicts(auth, ["fourteen bytes", "aardvark aardvark", PASSWORD]) == [
            ["This password is too short. It must contain at least 15 characters."],
            [COMMON], []]
    finally:
        stack.restart("auth", AUTH_PASSWORD_MIN_LENGTH=8, AUTH_PASSWORD_MIN_BITS=10)


@pytest.mark.parametrize("at", [8, 72, 200, 1023])
def test_two_that_differ_late_are_different(auth, register, at):
    """Nothing is cut off before it is hashed: at 72 bytes, say."""
    long = ("All of these characters count. " * 40)[:1024]
    other = long[:at] + "#" + long[at + 1:]
    user = register(password=long)
    for password, status in ((other, 1012), (long[:-1], 1012), (long, 200)):
        assert auth.call("auth.login", {"username": user["username"],
                                        "password": password})[0] == status


@pytest.mark.parametrize("letter", ["x", "é"])
def test_more_than_1024_characters_are_refused(auth, register, new_name, letter):
    text = (letter * 7 + " ") * 200
    for method, body in (("auth.register", {"username": new_name()}),
                         ("auth.login", {"username": "someone"}),
                         ("auth.reset_password", {"token": "A" * 43})):
        assert auth.error(method, body | {"password": text[:1024] + "."}) == (
            "invalid", {"password": ["Ensure this field has no more than 1024 characters."]})
    assert register(password="# " + text[:1022].strip())
