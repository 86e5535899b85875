"""The forgeries of token_forgery.py where tokens are signed with a shared secret (HS256)."""

import base64
import hashlib
import hmac
import json
import secrets

from cryptography.hazmat.primitives.asymmetric import ec

from token_forgery import Forger, Forgery, b64, jose, spellings

DIGESTS = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


class HmacForger(Forger):
    """key: the real secret; retired: an ES256 Forger whose key the daemons once trusted."""

    def __init__(self, key, token, retired):
        super().__init__(key, token)
        self.retired = retired

    def signature(self, text, key=None):
        return hmac.digest(key or self.key, text.encode(), "sha256")

    def pyjwt_key(self):
        return self.key

    def key_of_ours(self):
        key = secrets.token_bytes(32)
        return key, {"kty": "oct", "kid": self.kid, "k": b64(key)}

    def secrets(self):
        """What a stranger could try. (HMAC fills short keys up with zeros, RFC 2104: the
        secret with a NUL behind is the same one.)"""
        key = self.key
        near = {"a byte less": key[:-1], "without the first": key[1:], "31 bytes": key[:31],
                "a line's end": key + b"\n", "a blank": key + b" ", "upper case": key.upper(),
                "swapped case": key.swapcase(), "backwards": key[::-1], "twice": key * 2,
                "another last byte": key[:-1] + b"X", "its hex": key.hex().encode(),
                "its base64": base64.b64encode(key), "its hash": hashlib.sha256(key).digest(),
                "quoted": b"\"" + key + b"\"", "a NUL before": b"\0" + key,
                "django's example": b"django-insecure-change-me-in-production-0123456789",
                "zeros": bytes(64), "the issuer": b"quintet"}
        return spellings(self.retired.key.public_key(), self.retired.kid) | near

    def confusions(self):
        yield from super().confusions()
        # The right secret: under another digest, and with a key id, which this mode has not.
        for alg, digest in DIGESTS.items():
            for header in ({"alg": alg, "typ": "JWT"}, {"alg": alg, "typ": "JWT", "kid": "k1"}):
                if header == self.header:
                    continue
                text = f"{b64(header)}.{self.body}"
                mac = hmac.new(self.key, text.encode(), digest).digest()
                yield Forgery(f"the secret as {header}", f"{text}.{b64(mac)}",
                              strict=alg == self.alg)

    def other_keys(self):
        """Asymmetric signatures; the retired key's own tokens, all good ones, among them."""
        yield from super().other_keys()
        for one in self.retired.good():
            yield Forgery(f"ES256, {one.name}", one.token)
        for key in (self.retired.key, ec.generate_private_key(ec.SECP256R1())):
            for alg in ("ES256", "HS256"):
                for kid in ({}, {"kid": self.retired.kid}):
                    text = f"{b64({'alg': alg, 'typ': 'JWT'} | kid)}.{self.body}"
                    yield Forgery(f"ES256 as {alg} {kid}", f"{text}.{b64(jose(key, text))}")

    def signatures(self):
        text = f"{self.head}.{self.body}"
        mac = base64.urlsafe_b64decode(self.sig + "=")
        assert len(mac) == 32
        for at in range(32):  # libjwt of old compared until the first difference or NUL
            for bit in (1, 128):
                flipped = bytes([mac[at] ^ bit])
                yield Forgery(f"bit {bit} of byte {at}",
                              f"{text}.{b64(mac[:at] + flipped + mac[at + 1:])}")
        shapes = {"31 bytes": mac[:31], "33 bytes": mac + b"\0", "a zero in front": b"\0" + mac,
                  "half": mac[:16], "twice": mac * 2, "1 byte": b"\0", "zeros": bytes(32),
                  "ones": b"\xff" * 32, "backwards": mac[::-1], "hex": mac.hex().encode(),
                  "48 bytes": mac + mac[:16], "64 bytes": bytes(64), "4 KB": bytes(4096),
                  "of the claims": self.signature(self.body), "of the header": self.signature(self.head),
                  "without the dot": self.signature(self.head + self.body),
                  "of a plain hash": hashlib.sha256(self.key + text.encode()).digest()}
        for name, data in shapes.items():
            yield Forgery(f"signature: {name}", f"{text}.{b64(data)}")
        other = self.valid(jti="0" * 32)
        yield Forgery("signature of another token", f"{text}.{other.split('.')[2]}")
        yield Forgery("claims of another token", f"{self.head}.{other.split('.')[1]}.{self.sig}")

    def good_signatures(self):
        """What another holder of the secret writes, blanks and all."""
        head = json.dumps(self.header).encode()
        yield Forgery("a header with blanks", self.sign(header=head))
