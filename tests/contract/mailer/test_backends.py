"""Where mails go: encrypted SMTP with login, files, standard output; own templates."""

import base64
import datetime
import email
import email.header
import email.policy
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from quintet import env

from conftest import MAIL_SETTINGS
from odd_smtp import OddSmtp

LOGIN = {"EMAIL_HOST_USER": "quintet", "EMAIL_HOST_PASSWORD": "pass word"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed one for 127.0.0.1: (file of the certificate, server's context)."""
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.utcnow()
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(names, False)
            .add_extension(x509.BasicConstraints(True, None), True)
            .sign(key, hashes.SHA256()))
    pem, secret = directory / "cert.pem", directory / "key.pem"
    pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return pem, context


@pytest.fixture(scope="module")
def stack(start_stack):
    return start_stack(["mailer"], **MAIL_SETTINGS)


@pytest.fixture
def odd_smtp():
    """odd_smtp(...): a server, and the mailer's settings for it."""
    servers = []

    def start(*extensions, **more):
        servers.append(OddSmtp(("SIZE", *extensions), **more))
        return servers[-1]

    yield start
    for s in servers:
        s.close()


@pytest.fixture
def use(stack):
    """Restarts the mailer with settings of this test."""
    plain = {"EMAIL_USE_TLS": "false", "EMAIL_USE_SSL": "false", "EMAIL_SSL_CAFILE": "",
             "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": "", "MAILER_TEMPLATES_DIR": "",
             "DEFAULT_FROM_EMAIL": "no-reply@example.com"}

    def run(**settings):
        stack.restart("mailer", **(plain | settings))

    return run


def test_starttls_and_login(auth, odd_smtp, use, certificate, address, job_of):
    pem, context = certificate
    server = odd_smtp("STARTTLS", "AUTH PLAIN", tls=context)
    use(**(server.env() | LOGIN | {"EMAIL_USE_TLS": "true", "EMAIL_SSL_CAFILE": pem}))
    to = address()
    auth.registered("ann", to)
    server.wait_for(to)
    job_of(to, "sent")
    assert base64.b64decode(server.logins[0]) == b"\0quintet\0pass word"
    verbs = [line.split()[0] for line in server.dialogue]
    assert verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "AUTH"]


# What the format "email" takes: the recipient of the event, and as RFC 5321 writes it.
ODD_ADDRESSES = {
    '"ann"@example.net': "ann@example.net",
    '"a b\\"@c>,"@example.net': None,  # a blank in quotes needs a backslash
    r'"a\ b\"@c>,"@example.net': r'"a b\"@c>,"@example.net',
    "a@[127.0.0.1]": "a@[127.0.0.1]",
    "a@[0:0::1]": "a@[IPv6:::1]",
    "a@b\u00fccher.example": "a@xn--bcher-kva.example",
    '"a\r\nDATA"@example.net': None,
    '"a\x01"@example.net': None,
}


def test_odd_addresses(auth, odd_smtp, use, job_of, stack):
    server = odd_smtp()
    use(**server.env())
    for typed, wire in ODD_ADDRESSES.items():
        auth.registered("ann", typed)
        job = job_of(typed, "sent" if wire else "dead")
        assert wire or job["last_error"] == "the recipient is not an address that can be mailed"
    wires = [wire for wire in ODD_ADDRESSES.values() if wire]
    assert server.said("RCPT") == [f"RCPT TO:<{wire}>" for wire in wires]
    assert [len(server.to(wire)) for wire in wires] == [1] * len(wires)
    assert not [line for line in server.dialogue if line.split()[0] not in
                ("EHLO", "MAIL", "RCPT", "DATA", "QUIT")]
    _, stats = stack.client("mailer", "monitor").call("mailer.stats", {})
    assert {"[127.0.0.1]", "[0:0::1]"} <= {row["domain"] for row in stats["domains"]}
    assert not [row for row in stats["domains"] if '"' in row["domain"] or "c>" in row["domain"]]


def test_tls_from_the_first_byte(auth, odd_smtp, use, certificate, address):
    pem, context = certificate
    server = odd_smtp(tls=context, wrapped=True)
    use(**(server.env() | {"EMAIL_USE_SSL": "true", "EMAIL_SSL_CAFILE": pem}))
    to = address()
    auth.registered("ann", to)
    server.wait_for(to)


def certificate_of(directory, name="127.0.0.1", days=1, stem="other"):
    """A self-signed certificate that is not the one clients know: a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.utcnow()
    address = x509.IPAddress(ipaddress.ip_address(name))
    cert = (x509.CertificateBuilder().subject_name(who).issuer_name(who)
            .public_key(key.public_key()).serial_number(2)
            .not_valid_before(now - datetime.timedelta(days=3))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([address]), False)
            .add_extension(x509.BasicConstraints(True, None), True)
            .sign(key, hashes.SHA256()))
    pem, secret = directory / f"{stem}.pem", directory / f"{stem}.key"
    pem.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return pem, context


# Name: (STARTTLS is offered, what is said to it, which certificate, from the first byte)
CLEAR = {
    "no STARTTLS": (False, None, None, False),
    "STARTTLS refused": (True, "454 4.7.0 not now", "good", False),
    "STARTTLS refused for good": (True, "502 5.5.1 what", "good", False),
    "a cut at STARTTLS": (True, "cut", "good", False),
    "no TLS after STARTTLS": (True, "220 go\r\n250 ok\r\n250 ok\r\n354 go", "good", False),
    "an unknown issuer": (True, None, "unknown", False),
    "another name": (True, None, "name", False),
    "an expired certificate": (True, None, "expired", False),
    "an unknown issuer from the first byte": (False, None, "unknown", True),
    "no TLS from the first byte": (False, None, None, True),
}


@pytest.mark.parametrize("name", CLEAR)
def test_no_mail_in_the_clear(auth, odd_smtp, use, certificate, address, job_of, tmp_path,
                              name):
    """Whatever goes wrong with TLS: no login, no address, no mail leaves unencrypted, and
    the job waits."""
    offered, said, kind, wrapped = CLEAR[name]
    pem, context = certificate
    if kind == "unknown":
        _, context = certificate_of(tmp_path)
    elif kind == "name":
        pem, context = certificate_of(tmp_path, name="127.0.0.2")
    elif kind == "expired":
        pem, context = certificate_of(tmp_path, days=-1)
    server = odd_smtp(*(["STARTTLS"] if offered else []), "AUTH PLAIN",
                      tls=context if kind else None, wrapped=wrapped and kind is not None)
    if said:
        server.always["STARTTLS"] = said
    use(**(server.env() | LOGIN | {
        "EMAIL_USE_SSL" if wrapped else "EMAIL_USE_TLS": "true", "EMAIL_SSL_CAFILE": pem}))
    to = address()
    auth.registered("ann", to)
    job = env.wait_until(lambda: (j := job_of(to)) and j["last_phase"] and j, 10, "it was tried")
    assert job["state"] == "ready" and job["last_error"] and job["uncertain"] == 0
    seen = " ".join(server.dialogue).upper()
    assert "AUTH" not in seen and "MAIL FROM" not in seen and "RCPT" not in seen
    assert not server.mails and not server.logins and to.upper() not in seen


def test_a_wrong_password_pauses(auth, odd_smtp, use, address, job_of, stack, hurry):
    server = odd_smtp("AUTH PLAIN")
    server.always["AUTH"] = "535 5.7.8 no"
    use(**(server.env() | LOGIN))
    to = address()
    auth.registered("ann", to)
    job_of(to, "ready", attempt=0, last_code=535)
    assert "mail is paused" in stack.daemons["mailer"].output()
    assert "pass word" not in stack.daemons["mailer"].output()
    server.always.clear()
    use(**(server.env() | LOGIN))
    hurry(to)
    server.wait_for(to, timeout=20)


def test_files(auth, use, stack, address, job_of):
    use(EMAIL_BACKEND="django.core.mail.backends.filebased.EmailBackend",
        DEFAULT_FROM_EMAIL="Das Büro <büro@example.com>".replace("büro@", "buero@"))
    to = address()
    _, token = auth.registered("ann", to)
    job = job_of(to, "sent")
    (path,) = stack.mail_dir.glob(f"*-{job['job_id']}.eml")
    assert path.stat().st_mode & 0o077 == 0
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert mail["To"] == to and token in mail.get_body(("plain",)).get_content()
    assert str(mail["From"]) == "Das Büro <buero@example.com>"
    assert not list(stack.mail_dir.glob(".*"))


def test_a_file_sent_again_is_the_same(auth, use, stack, address, job_of, database):
    use(EMAIL_BACKEND="file")
    to = address()
    auth.verified("ann", to)
    job = job_of(to, "sent")
    (path,) = stack.mail_dir.glob(f"*-{job['job_id']}.eml")
    first = path.read_bytes()
    path.write_bytes(b"")
    database.query("update job set state = 'ready', finished_at = null where job_id = %s",
                   (job["job_id"],), schema="mailer")
    env.wait_until(lambda: path.read_bytes() == first, 10, "the same file")


def test_a_directory_that_is_gone_loses_nothing(auth, use, stack, address, job_of, hurry):
    use(EMAIL_BACKEND="file")
    to = address()
    away = stack.mail_dir.rename(stack.dir / "away")
    auth.registered("ann", to)
    job_of(to, "ready", attempt=0)
    away.rename(stack.mail_dir)
    use(EMAIL_BACKEND="file")
    hurry(to)
    job_of(to, "sent", timeout=20)


def test_console(auth, use, stack, address, job_of):
    use(EMAIL_BACKEND="console")
    to = address()
    _, token = auth.registered("ann", to)
    job_of(to, "sent")
    out = stack.daemons["mailer"].output()
    assert f"To: <{to}>" in out and f"token={token}" in out


def test_own_templates(auth, use, stack, address, job_of, tmp_path):
    (tmp_path / "welcome.subject").write_text("Moin {{{username}}}\n")
    (tmp_path / "layout.html").write_text("<title>{{title}}</title><main>{{{content}}}")
    (tmp_path / "welcome.txt").write_text("{{#link}}no{{/link}}{{^link}}Hallo{{/link}}")
    use(EMAIL_BACKEND="file", MAILER_TEMPLATES_DIR=tmp_path)
    to = address()
    auth.verified("Jörg", to)
    job = job_of(to, "sent")
    (path,) = stack.mail_dir.glob(f"*-{job['job_id']}.eml")
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert mail["Subject"] == "Moin Jörg"
    assert mail.get_body(("plain",)).get_content().strip() == "Hallo"
    html = mail.get_body(("html",)).get_content()
    assert html.startswith("<title>Moin Jörg</title><main>") and "Hello Jörg," in html


def test_a_subject_prefix_and_a_long_sender(auth, use, stack, address, job_of):
    name = "Bücherei Süd, Abteilung für sehr lange Namen und viele Umlaute äöü"
    use(EMAIL_BACKEND="file", MAILER_SUBJECT_PREFIX="[Größe] ",
        DEFAULT_FROM_EMAIL=f'"{name}" <a@example.com>')
    to = address()
    auth.registered("ann", to)
    job = job_of(to, "sent")
    (path,) = stack.mail_dir.glob(f"*-{job['job_id']}.eml")
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert mail["Subject"] == "[Größe] Please confirm your e-mail address"
    assert not mail.defects
    # By words: the newer parser of this Python keeps the blank between two of a phrase.
    words = email.header.decode_header(email.message_from_bytes(path.read_bytes())["From"])
    assert str(email.header.make_header(words)) == f"{name} <a@example.com>"
    assert max(map(len, path.read_bytes().split(b"\r\n"))) <= 998
    use(EMAIL_BACKEND="file", MAILER_SUBJECT_PREFIX="")


@pytest.mark.parametrize("text", ["{{token}}", "{{#link}}", "\xff"])
def test_bad_templates_are_refused_at_the_start(stack, tmp_path, text):
    (tmp_path / "welcome.txt").write_bytes(text.encode("latin-1"))
    done = stack.verb("mailer", "preview", "welcome", check=False,
                      MAILER_TEMPLATES_DIR=tmp_path)
    assert done.returncode == 78 and "welcome.txt" in done.stderr


def test_preview_verb(stack):
    html = stack.verb("mailer", "preview", "verification", "--html").stdout
    assert html.startswith("<!doctype html>") and "[link hidden]" in html
    assert "prefers-color-scheme: dark" in html and "<title>Please confirm" in html
    done = stack.verb("mailer", "preview", "verification")
    assert "[link hidden]" in done.stdout and "Hello someone," in done.stdout
    assert stack.verb("mailer", "preview", "nothing", check=False).returncode == 64
