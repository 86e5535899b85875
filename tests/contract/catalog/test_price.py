"""The contract's rule for prices, held against Python's decimal."""

import decimal
import json
import random

import zmq

from catalog_calls import OWNER, add_category, add_product
from quintet import env, frame
from quintet.client import read_cert, value_of

COUNT, WINDOW = 100000, 256
INVALID = "A valid number is required."


def verdict(digits, exponent, value):
    """Digits in all, behind and before the point, in this order; then the lowest value."""
    if exponent >= 0:
        total = whole = digits + exponent
        places = 0
    elif digits > -exponent:
        total, places, whole = digits, -exponent, digits + exponent
    else:
        total = places = -exponent
        whole = 0
    if total > 10:
        return "Ensure that there are no more than 10 digits in total."
    if places > 2:
        return "Ensure that there are no more than 2 decimal places."
    if whole > 8:
        return "Ensure that there are no more than 8 digits before the decimal point."
    return "Ensure this value is greater than or equal to 0." if value < 0 else None


def expected(text):
    """(message, None) or (None, shown) of a body's price, given as JSON."""
    value = json.loads(text)
    if isinstance(value, (bool, list, dict)):
        return INVALID, None
    if value is None:
        return "This field may not be null.", None
    text = (value if isinstance(value, str) else repr(value)).strip()
    if len(text) > 1000:
        return "String value too large.", None
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:
        return INVALID, None
    if not number.is_finite():
        return INVALID, None
    _, digits, exponent = number.as_tuple()
    message = verdict(len(digits), exponent, number)
    return message, None if message else f"{abs(number):.2f}"


def digits(chance, most):
    return "".join(chance.choice("0123456789") for _ in range(chance.randint(0, most)))


def numeral(chance):
    text = chance.choice(["", "", "", "-", "+"]) + chance.choice(["", "", "0", "000"])
    text += digits(chance, chance.choice((3, 8, 9, 12)))
    text += chance.choice(["", ".", "." + digits(chance, 3), "." + digits(chance, 2)])
    text += chance.choice(["", "", "", "", "e0", "E+2", "e-1", "e-2", "e3", "E-12", "e12"])
    return text


def number(chance):
    """A JSON number; as many digits as both sides read exactly."""
    kind = chance.randrange(5)
    if kind == 0:
        return str(chance.randint(-10**chance.randint(0, 12), 10**chance.randint(0, 12)))
    if kind == 1:
        return f"{chance.randint(0, 10**9)}.{digits(chance, 3) or 0}"
    if kind == 2:
        return repr(chance.uniform(-10, 10**chance.randint(0, 9)))
    if kind == 3:
        return f"{chance.randint(0, 9999)}e{chance.randint(-6, 8)}"
    return repr(round(chance.uniform(0, 10**8), 2))


ODD = ['""', '" "', '"abc"', '"1,5"', '"1.2.3"', '"--1"', '"1e"', '"e5"', '"."', '"-"', '"0x1"',
       '"NaN"', '"-nan"', '"sNaN"', '"Infinity"', '"-inf"', '"1 2"', '"$5"', "true", "false",
       "null", "[]", "[1]", "{}", '{"a":1}', '"-0"', '"-0.00"', "-0.0", "-0", '"0e5"', '"0e10"',
       '"0e-2"', '"0e-3"', '"0e20"', '"99999999.99"', '"99999999.990"', '"100000000"',
       '"123456789.00"', "12345678901", "1e10", '"1.230"', "1.230", '"00000000000012.50"',
       '"1e999999"', '"1e-999999"', '"1_0"', '"_1__2_"', '"_"', '"1e_1"', '"\u0661\u0662"',
       '"1\u066b2"', '"\uff11\uff12.5"', '"\u0663e\u0661"', '"1e999999999999999999"',
       '"10e999999999999999999"', '"1e1000000000000000000"', '"0e99999999999999999999"',
       '"0.0e1000000000000000000"', '"1e-1999999999999999997"', '"1e-1999999999999999998"',
       '"0e-99999999999999999999"', '"\u0661' + "\u0660" * 999 + '"',
       '"\u0661' + "\u0660" * 1000 + '"', '"\\t7.5\\n"', '"\\u00a07.5\\u2003"', '"7.5\\u200b"',
       '"' + "1" * 1000 + '"', '"' + "1" * 1001 + '"', '"' + "0" * 999 + '1"',
       '"' + " " * 2000 + '1"', '"0.' + "0" * 990 + '"']


def inputs():
    chance = random.Random(20)
    found = list(ODD)
    while len(found) < COUNT:
        kind = chance.randrange(10)
        if kind < 5:
            text = chance.choice(["", "", "", " ", "\t"]) + numeral(chance)
            found.append(json.dumps(text + chance.choice(["", "", "", " ", "\n"])))
        elif kind < 8:
            found.append(number(chance))
        elif kind < 9:
            text = list(numeral(chance))
            text.insert(chance.randint(0, len(text)), chance.choice("-+.eE ,x'\u0661\u00b2_\uff12"))
            found.append(json.dumps("".join(text)))
        else:
            found.append(json.dumps(f"{chance.randint(0, 99999999)}.{digits(chance, 2)}"))
    return found


def exchange(stack, api, requests):
    """The answers of many calls that travel together, in their order."""
    answers, sent = [None] * len(requests), 0
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.linger = 0
    socket.curve_publickey, socket.curve_secretkey = read_cert(
        stack.dir / "clients" / "gateway.key_secret")
    socket.curve_serverkey = stack.server_key("catalog")
    socket.connect(stack.endpoint("catalog"))
    try:
        for done in range(len(requests)):
            while sent < len(requests) and sent - done < WINDOW:
                requests[sent].tag = sent
                socket.send_multipart([b"", frame.encode(requests[sent])])
                sent += 1
            assert socket.poll(int(env.seconds(10) * 1000)), f"{done} answers came"
            reply = frame.decode(socket.recv_multipart()[1])
            answers[reply.tag] = reply
    finally:
        socket.close()
    return answers


def test_prd_03_100000_prices_are_judged_and_shown_as_by_pythons_decimal(stack, api):
    category = add_category(api)
    paths = [[add_product(api, category["id"])["id"]] for _ in range(64)]
    texts = inputs()
    replies = exchange(stack, api, [
        api.request("catalog.product.patch", f'{{"price":{text}}}'.encode(),
                    path=paths[n % len(paths)], **OWNER) for n, text in enumerate(texts)])
    wrong, accepted = [], 0
    for text, reply in zip(texts, replies):
        message, shown = expected(text)
        accepted += message is None
        want = (1002, {"price": [message]}) if message else (200, shown)
        value = value_of(reply)
        got = reply.status, value.get("price") if reply.status == 200 else value
        if got != want:
            wrong.append((text[:60], got, want))
    assert not wrong, f"{len(wrong)} differ: {wrong[:20]}"
    assert COUNT / 5 < accepted < COUNT * 4 / 5
