"""Tokens that nobody issued, made of one that somebody did. A `Forgery` says how it came
about, and `strict`: that PyJWT takes it while we promise more (RFC 8725, one text per token,
the claims of ours)."""

import base64
import hashlib
import hmac
import json
import time
from typing import NamedTuple

import nacl.secret
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # order of P-256
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Forgery(NamedTuple):
    name: str
    token: str
    strict: bool = False


def b64(data):
    if not isinstance(data, bytes):
        data = json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jose(key, text, digest=hashes.SHA256, size=32):
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(digest())))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def signing_key(stack, database):
    """auth's key, unsealed with the master key of the stack."""
    master = bytes.fromhex((stack.keys / "keys-auth" / "master.key").read_text().strip())
    (sealed,), = database.query("select sealed from signing_key", schema="auth")
    pem = nacl.secret.SecretBox(master).decrypt(bytes(sealed))
    return serialization.load_pem_private_key(pem, None)


def spellings(key, kid):
    """A public key, in every spelling, and what lies about, as the secret of an HMAC."""
    x, y = (n.to_bytes(32, "big") for n in (key.public_numbers().x, key.public_numbers().y))
    der = key.public_bytes(serialization.Encoding.DER,
                           serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = key.public_bytes(serialization.Encoding.PEM,
                           serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"PEM": pem, "PEM without its end": pem.rstrip(b"\n"),
            "PEM with CR": pem.replace(b"\n", b"\r\n"),
            "PEM body": b"".join(pem.splitlines()[1:-1]), "DER": der, "point": b"\4" + x + y,
            "x and y": x + y, "x": x, "nothing": b"", "kid": kid.encode(),
            "the original's": b"insecure-secret", "a word": b"secret"}


class Forger:
    """key: the real private key; header and claims: of a real token, signed by ES256."""

    def __init__(self, key, token):
        self.key, self.token = key, token
        self.head, self.body, self.sig = token.split(".")
        self.header, self.claims = (json.loads(base64.urlsafe_b64decode(p + "==="))
                                    for p in (self.head, self.body))
        self.alg, self.kid = self.header["alg"], self.header.get("kid", "k1")

    def signature(self, text, key=None):
        return jose(key or self.key, text)

    def sign(self, header=None, claims=None, key=None):
        """A token with a good signature over whatever is said."""
        text = b64(self.header if header is None else header) + "." \
            + b64(self.claims if claims is None else claims)
        return f"{text}.{b64(self.signature(text, key))}"

    def valid(self, **changes):
        return self.sign(claims=self.claims | changes)

    def pyjwt_key(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def key_of_ours(self):
        """A key that nobody trusts, and itself as a member of a header."""
        key = ec.generate_private_key(ec.SECP256R1())
        numbers = key.public_key().public_numbers()
        return key, {"kty": "EC", "crv": "P-256", "kid": self.kid,
                     "x": b64(numbers.x.to_bytes(32, "big")),
                     "y": b64(numbers.y.to_bytes(32, "big"))}

    # --- algorithms -------------------------------------------------------------------

    def algorithms(self):
        for alg in ("none", "None", "NONE", "nOnE", "", self.alg.lower(), self.alg + " ", "ES256",
                    "ES256K", "ES384", "ES512", "RS256", "PS256", "EdDSA", "HS256", "HS384",
                    "HS512", "dir", self.alg + "\u0000", None, 0, [self.alg], {"a": 1}, True):
            if alg == self.alg:
                continue
            for kept in (False, True):
                text = f"{b64(self.header | {'alg': alg})}.{self.body}"
                end = b64(self.signature(text)) if kept else ""
                # Rightly signed under another name, or not at all.
                yield Forgery(f"alg {alg!r}{' signed' if kept else ''}", f"{text}.{end}")
        header = {k: v for k, v in self.header.items() if k != "alg"}
        yield Forgery("no alg", self.sign(header))

    def secrets(self):
        return spellings(self.key.public_key(), self.kid)

    def confusions(self):
        for name, secret in self.secrets().items():
            for alg, digest in (("HS256", hashlib.sha256), ("HS384", hashlib.sha384),
                                ("HS512", hashlib.sha512)):
                for kid in (True, False):
                    header = {"alg": alg, "typ": "JWT"}
                    if kid:
                        header["kid"] = self.kid
                    text = f"{b64(header)}.{self.body}"
                    mac = hmac.new(secret, text.encode(), digest).digest()
                    yield Forgery(f"{alg} with {name}{', kid' if kid else ''}",
                                  f"{text}.{b64(mac)}")

    def other_keys(self):
        yield Forgery("a key of ours", self.sign(key=self.key_of_ours()[0]))
        for name, curve, digest, size in (
                ("P-384", ec.SECP384R1(), hashes.SHA384, 48),
                ("P-521", ec.SECP521R1(), hashes.SHA512, 66),
                ("secp256k1", ec.SECP256K1(), hashes.SHA256, 32)):
            key = ec.generate_private_key(curve)
            for alg in ("ES256", {48: "ES384", 66: "ES512", 32: "ES256K"}[size]):
                text = f"{b64(self.header | {'alg': alg})}.{self.body}"
                yield Forgery(f"{name} as {alg}", f"{text}.{b64(jose(key, text, digest, size))}")
        text = f"{b64(self.header | {'alg': 'EdDSA'})}.{self.body}"
        yield Forgery("Ed25519", f"{text}.{b64(ed25519.Ed25519PrivateKey.generate().sign(text.encode()))}")
        text = f"{b64(self.header | {'alg': 'RS256'})}.{self.body}"
        key = rsa.generate_private_key(65537, 2048)
        yield Forgery("RSA", f"{text}.{b64(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}")

    # --- signatures -------------------------------------------------------------------

    def signatures(self):
        text = f"{self.head}.{self.body}"
        sig = base64.urlsafe_b64decode(self.sig + "==")
        r, s = int.from_bytes(sig[:32], "big"), int.from_bytes(sig[32:], "big")
        pairs = {"r and s 0": (0, 0), "r 0": (0, s), "s 0": (r, 0), "r 1, s 1": (1, 1),
                 "r is n": (N, s), "s is n": (r, N), "both n": (N, N), "r beyond n": (N + 1, s),
                 "s beyond n": (r, N + 1), "r all ones": (2 ** 256 - 1, s),
                 "s all ones": (r, 2 ** 256 - 1), "swapped": (s, r), "r and r": (r, r),
                 "r negated": (N - r, s), "n - 1": (N - 1, N - 1)}
        for name, (a, b) in pairs.items():
            data = a.to_bytes(32, "big") + b.to_bytes(32, "big")
            yield Forgery(f"signature: {name}", f"{text}.{b64(data)}")
        shapes = {"63 bytes": sig[:63], "65 bytes": sig + b"\0", "a zero in front": b"\0" + sig,
                  "r alone": sig[:32], "twice": sig * 2, "DER": utils.encode_dss_signature(r, s),
                  "96 bytes": bytes(16) + sig[:32] + bytes(16) + sig[32:], "1 byte": b"\0",
                  "zeros": bytes(64), "4 KB": bytes(4096)}
        for name, data in shapes.items():
            yield Forgery(f"signature: {name}", f"{text}.{b64(data)}")
        other = self.valid(jti="0" * 32)
        yield Forgery("signature of another token", f"{text}.{other.split('.')[2]}")
        yield Forgery("claims of another token", f"{self.head}.{other.split('.')[1]}.{self.sig}")

    # --- the text ---------------------------------------------------------------------

    def texts(self):
        t = self.token
        for n in [*range(0, len(t), 23), len(t) - 1, len(t) - 2]:
            yield Forgery(f"cut after {n}", t[:n])
        for tail in (".", "..", ".e30", "=", "==", "A", "AA", "AAA", "AAAA", "!", "%00", "%20",
                     ",", ";", "." + self.sig, "#", "?", "~", "*"):
            yield Forgery(f"extended by {tail!r}", t + tail, strict=tail in
                          ("=", "==", "!", "%", ",", ";", "#", "?", "~", "*", "%20"))
        for front in (".", "=", "A", "!", "'", "\""):
            yield Forgery(f"behind {front!r}", front + t, strict=front in "=!'\"")
        yield Forgery("an empty header", f".{self.body}.{self.sig}")
        yield Forgery("empty claims", f"{self.head}..{self.sig}")
        yield Forgery("two dots", "..")
        yield Forgery("no dot", t.replace(".", ""))
        yield Forgery("five parts", f"{self.head}.{self.sig}.{self.sig}.{self.body}.{self.sig}")
        yield Forgery("JSON form", json.dumps({"payload": self.body, "protected": self.head,
                                               "signature": self.sig}))
        for at in range(3):
            parts = t.split(".")
            last = ALPHABET.index(parts[at][-1])
            bits = {2: 4, 3: 2, 0: 0}[len(parts[at]) % 4]
            for extra in range(1, 2 ** bits):
                whole = [*parts]
                whole[at] = parts[at][:-1] + ALPHABET[last & -(2 ** bits) | extra]
                if whole != parts:
                    # The signature's other spellings are the same bytes to PyJWT.
                    yield Forgery(f"part {at}, spare bits {extra}", ".".join(whole), at == 2)
            for name, mark in (("padding", "="), ("blank", "%20"), ("plus", "+"), ("NUL", "%00")):
                whole = [*parts]
                whole[at] += mark
                yield Forgery(f"part {at} and {name}", ".".join(whole), at == 2)
        if "-" in t or "_" in t:
            yield Forgery("standard alphabet", t.replace("-", "+").replace("_", "/"), True)
        for at in range(0, len(t), 9):
            if t[at] == ".":
                continue
            other = ALPHABET[(ALPHABET.index(t[at]) + 17) % 64]
            yield Forgery(f"letter {at} changed", t[:at] + other + t[at + 1:])

    # --- headers ----------------------------------------------------------------------

    def headers(self):
        mine, jwk = self.key_of_ours()
        tricks = {"crit": ["exp"], "b64": False, "jku": "http://127.0.0.1:1/keys", "jwk": jwk,
                  "x5u": "http://127.0.0.1:1/cert", "x5c": ["MIIB"], "x5t": "AA", "zip": "DEF",
                  "cty": "JWT", "enc": "A256GCM", "epk": jwk, "typ": "at+jwt", "unknown": 1,
                  "iss": "quintet", "ALG": "none", "p2c": 2 ** 31}
        for name, value in tricks.items():
            yield Forgery(f"header: {name}", self.sign(self.header | {name: value}), True)
            yield Forgery(f"header: {name}, signed by us",
                          self.sign(self.header | {name: value}, key=mine))
        yield Forgery("b64 false with crit",
                      self.sign(self.header | {"b64": False, "crit": ["b64"]}), True)
        for typ in ("jwt", "JWS", "JWE", "", None, 1, ["JWT"]):
            yield Forgery(f"typ {typ!r}", self.sign(self.header | {"typ": typ}), True)
        kid = self.kid
        for value in ("", "x", kid[:-1], kid + "A", kid.lower(), kid.upper(), kid + "\0", kid + " ",
                      " " + kid, "../" + kid, "../../../../dev/null", "/etc/passwd", "file:///dev/null",
                      "' or '1'='1", f"{kid}' --", "x' union select 'k' --", "%00", "*", "$(id)",
                      "|cat", "http://127.0.0.1/", "A" * 63, "A" * 64, "A" * 500, "\u00e9",
                      None, 0, 1, True, [kid], {"a": kid}):
            yield Forgery(f"kid {value!r}"[:60], self.sign(self.header | {"kid": value}), True)
        if "kid" in self.header:
            yield Forgery("no kid", self.sign({"alg": self.alg, "typ": "JWT"}), True)
        text = json.dumps(self.header)
        for name, raw, strict in (
                ("alg twice", f'{text[:-1]}, "alg": "{self.alg}"}}', True),
                ("alg none, then ours", '{"alg": "none", ' + text[1:], True),
                ("kid twice", f'{text[:-1]}, "kid": "{kid}"}}', True),
                ("BOM", "\ufeff" + text, True), ("a tail", text + " x", False),
                ("two objects", text + text, False), ("a NUL behind", text + "\0", False),
                ("a blank behind", text + " " * 500, True), ("a list", f"[{text}]", False),
                ("a text", json.dumps(text), False), ("null", "null", False), ("{}", "{}", False),
                ("nothing but a bracket", "{", False), ("deep", '{"a":' * 200 + "1" + "}" * 200, False),
                ("NaN", text[:-1] + ', "a": NaN}', True), ("single quotes", text.replace('"', "'"), False)):
            yield Forgery(f"header: {name}", self.sign(raw.encode()), strict)
        yield Forgery("header: not UTF-8", self.sign(f'{{"alg":"{self.alg}","kid":"'.encode() + b'\xff"}'), False)
        yield Forgery("header: nested token", self.sign(self.token.encode()))

    # --- claims -----------------------------------------------------------------------

    def bad_claims(self):
        now, soon = int(time.time()), int(time.time()) + 600
        refused = {
            "exp": (now - 1, now, 0, 1, -1, now - 10 ** 6, "x", None, [soon], {}),
            "iat": (soon, 2 ** 33, "x"), "nbf": (soon, 2 ** 33, "x"),
            "iss": ("other", "Quintet", "quintet ", "", None, ["other"], 1),
            "aud": ("other", "Quintet", "", None, [], ["other"], 1, {"quintet": 1}),
        }
        stricter = {
            "exp": (str(soon), soon + 0.5, True, 2 ** 53, now + 10 ** 7, 2 ** 63 - 1),
            "iat": (None, str(now), now - 0.5, -1, False), "nbf": (str(now), now - 0.5),
            "iss": (["quintet"],),
            "token_type": ("refresh", "ACCESS", "access ", "", None, 1, ["access"], "verify", "reset"),
            "user_id": ("1", 0, -1, 1.0, 1.5, None, True, [1], 2 ** 63 - 1, self.claims["user_id"] + 1),
            "sub": ("0", "", str(self.claims["user_id"] + 1), "01", "+1", "1 ", None, 1, "x"),
            "jti": ("", "x", "0" * 31, "0" * 33, "G" * 32, "A" * 32, None, 1),
            "sid": ("", "x", "0" * 31, "0" * 33, "g" * 32, None, 1),
            "uv": ("1", -1, 1.5, None, True), "role": ("", "admin", "ROOT", "SUPER", None, 1, ["ADMIN"]),
            "username": ("", None, 1, ["x"], "x" * 700),
        }
        for strict, table in ((False, refused), (True, stricter)):
            for name, values in table.items():
                for value in values:
                    token = self.valid(**{name: value})
                    if len(token) < 6000:
                        yield Forgery(f"{name} {value!r}"[:60], token, strict)
        for name in self.claims:
            left = {k: v for k, v in self.claims.items() if k != name}
            yield Forgery(f"no {name}", self.sign(claims=left), name not in ("exp", "iss", "aud"))

    def bodies(self):
        text = json.dumps(self.claims)
        for name, raw, strict in (
                ("exp twice", text[:-1] + ', "exp": 9999999999}', True),
                ("role twice", text[:-1] + ', "role": "ADMIN"}', True),
                ("user twice", '{"user_id": 1, ' + text[1:], True),
                ("a NUL in the name", text.replace('"username": "', '"username": "a\\u0000'), True),
                ("a NUL in the role", text.replace('"USER"', '"USER\\u0000"'), True),
                ("half a surrogate", text.replace('"username": "', '"username": "\\ud800'), True),
                ("BOM", "\ufeff" + text, True), ("a NUL behind", text + "\0", False),
                ("a tail", text + "x", False), ("two objects", text + text, False),
                ("a list", f"[{text}]", False), ("a text", json.dumps(text), False),
                ("null", "null", False), ("a number", "1", False), ("{}", "{}", False),
                ("NaN", text[:-1] + ', "a": NaN}', True), ("empty", " ", False),
                ("deep", text[:-1] + ', "a": ' + "[" * 100 + "]" * 100 + "}", None),
                ("a nested token", self.token, False), ("quoted token", f'"{self.token}"', False)):
            if strict is not None:
                yield Forgery(f"claims: {name}", self.sign(claims=raw.encode()), strict)
        yield Forgery("claims: not UTF-8", self.sign(claims=text.encode().replace(b'"jti"', b'"\xff"')))

    def all(self):
        for kind in (self.algorithms, self.confusions, self.other_keys, self.signatures, self.texts,
                     self.headers, self.bad_claims, self.bodies):
            yield from kind()

    # --- and good ones ----------------------------------------------------------------

    def good_signatures(self):
        r, s = (int.from_bytes(base64.urlsafe_b64decode(self.sig + "==")[i:i + 32], "big") for i in (0, 32))
        yield Forgery("the other s", f"{self.head}.{self.body}."
                      + b64(r.to_bytes(32, "big") + (N - s).to_bytes(32, "big")))

    def good(self):
        """Every spelling of a valid token that is one."""
        now = int(time.time())
        yield Forgery("as issued", self.token)
        yield from self.good_signatures()
        for name, changes in (
                ("audience in a list", {"aud": ["quintet"]}), ("two audiences", {"aud": ["x", "quintet"]}),
                ("more claims", {"extra": {"a": [1, None, True, 1.5]}}), ("nbf now", {"nbf": now - 1}),
                ("nbf at the beginning", {"nbf": 0}), ("a name in Chinese", {"username": "中文"}),
                ("a name with signs", {"username": "a.b@c+d-e_f"}), ("a long name", {"username": "x" * 150}),
                ("uv 0", {"uv": 0}), ("a high uv", {"uv": 2 ** 40}), ("one second more", {"exp": now + 60}),
                ("the longest life", {"iat": now - 5, "exp": now + 1795}), ("administrator", {"role": "ADMIN"})):
            yield Forgery(name, self.valid(**changes))
        yield Forgery("claims in reverse", self.sign(claims=dict(reversed(self.claims.items()))))
        yield Forgery("claims with blanks", self.sign(claims=json.dumps(self.claims, indent=2).encode()))
        yield Forgery("header in another order", self.sign(header=dict(reversed(self.header.items()))))
        yield Forgery("header without typ", self.sign({k: v for k, v in self.header.items() if k != "typ"}))
        for n in range(100):
            yield Forgery(f"signed again, {n}", self.valid(jti=f"{n:032x}", exp=now + 300 + n))
