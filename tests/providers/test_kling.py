"""Kling's keys: one of a single part is sent as it is, one of two parts only ever signs."""

import jwt
import pytest

from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.wire import MissingCredential, Target

KLING = PROVIDERS["kling"]
LONG = "test-secret-that-is-long-enough-and-not-real"
NOW = 1_763_600_000.9


def target(key, **more):
    return Target(provider="kling", credentials={"api_key": Secret(key), **more})


def minted(aimed):
    with pytest.raises(StopIteration) as end:
        next(KLING.mint(aimed, NOW))
    return end.value.value


def test_a_key_of_two_parts_is_signed_into_a_token():
    token = minted(target(f"test-access-not-real:{LONG}"))
    text = token.credentials["kling_token"].reveal()
    assert token.seconds == 1800
    assert jwt.get_unverified_header(text) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(text, LONG, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False})
    assert claims == {"iss": "test-access-not-real", "exp": 1_763_601_800, "nbf": 1_763_599_995}


def test_the_token_is_what_is_sent():
    aimed = target(f"test-access-not-real:{LONG}")
    assert KLING.authorize(aimed) == {}
    held = target(f"test-access-not-real:{LONG}", **minted(aimed).credentials)
    assert KLING.authorize(held)["Authorization"].startswith("Bearer eyJ")


def test_a_key_of_one_part_needs_no_token():
    aimed = target("test-key-not-real")
    assert KLING.mint(aimed, NOW) is None
    assert KLING.authorize(aimed) == {"Authorization": "Bearer test-key-not-real"}


@pytest.mark.parametrize("key", [":", "a-not-real:", ":b-not-real"])
def test_half_a_key_is_no_key(key):
    with pytest.raises(MissingCredential, match="colon"):
        KLING.authorize(target(key))


def test_a_secret_may_hold_colons():
    text = minted(target(f"test-access-not-real:{LONG}:x")).credentials["kling_token"].reveal()
    assert jwt.decode(text, f"{LONG}:x", algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False})


def test_without_a_key_the_message_names_the_ways_to_give_one():
    with pytest.raises(MissingCredential, match="`api_key`"):
        KLING.authorize(Target(provider="kling"))
    assert KLING.mint(Target(provider="kling"), NOW) is None
