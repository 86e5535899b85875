"""Links in mails."""

import re

from quintet import env

RESET = re.compile(r"http\S+/api/auth/reset-password/\?uid=\d+&token=([\w-]{43})\b")
VERIFY = re.compile(r"/api/auth/verify-email\?token=([\w-]{43})")


def mail_with(smtp, address, pattern, count=1):
    """The match of the pattern in the last of `count` mails to an address that have it."""
    fitting = []

    def there():
        fitting[:] = [m for m in smtp.to(address) if pattern.search(m.text)]
        return len(fitting) >= count

    env.wait_until(there, 20, f"{count} mails to {address} with {pattern.pattern}")
    return pattern.search(fitting[-1].text)
