"""What the gateway says of tokens, beside PyJWT, which knows the same key."""

import jwt


def taken(stack, token):
    """A create without a body is 400 for whoever is known and 401 for all others."""
    status, value, _ = stack.http("POST", "/api/products", {}, headers={
        "Authorization": f"Bearer {token}".encode()})
    assert status in (400, 401, 431), (status, value)
    return status == 400 and value["code"] == "invalid"


def taken_by_pyjwt(forger, token):
    try:
        jwt.decode(token, forger.pyjwt_key(), [forger.alg], audience="quintet",
                   issuer="quintet", options={"require": ["exp"]})
        return True
    except Exception:  # noqa: BLE001 - some damage raises what is no PyJWTError
        return False


def none_is_taken(stack, forger):
    forgeries = list(forger.all())
    assert len({f.token for f in forgeries}) >= 300
    wrong = [f.name for f in forgeries if taken(stack, f.token)]
    assert not wrong, f"{len(wrong)} of {len(forgeries)} were taken: {wrong}"
    unsaid = [f.name for f in forgeries
              if taken_by_pyjwt(forger, f.token) and not f.strict]
    assert not unsaid, f"PyJWT takes: {unsaid}"


def every_good_one_is_taken(stack, forger):
    good = list(forger.good())
    assert len({f.token for f in good}) > 100
    assert [f.name for f in good if not taken_by_pyjwt(forger, f.token)] == []
    assert [f.name for f in good if not taken(stack, f.token)] == []
