"""Tokens that stand for a target's credential: minted once, used while they last."""

import asyncio
from dataclasses import replace

import pytest

from gateway.delivery.verify import look
from gateway.providers import PROVIDERS
from gateway.secret import Secret
from gateway.target import Tokens
from gateway.wire import Minted, MissingCredential, Send, Target, send
from strategies import Cause, Failure, Success
from tests.gateway.scripted import After, answer, downloaded, refused, route_with, run

KEY = {"provider": "openai", "api_key": "not-real"}
SIGN_IN = "https://login.example/token"
LOST = Failure(cause=Cause.UNREACHABLE, message="no way", reached=False)
REFUSED = Failure(cause=Cause.AUTH, message="the credential was refused", status=400)


def target(key="not-real", **options):
    return Target(provider="openai", credentials={"api_key": Secret(key)}, options=options)


class Mint:
    """Makes numbered tokens, and takes a second for each."""

    def __init__(self, *script, seconds=3600.0):
        self.script = list(script)
        self.seconds = seconds
        self.made = 0

    async def __call__(self):
        await asyncio.sleep(1)
        if self.script:
            turn = self.script.pop(0)
            if turn is not None:
                return turn
        self.made += 1
        return Minted({"token": Secret(f"token-{self.made}")}, self.seconds)


async def token(tokens, mint, wanted=None):
    found = await tokens.token(wanted or target(), mint)
    return found if isinstance(found, Failure) else found["token"].reveal()


async def test_those_who_want_the_same_token_at_once_have_it_minted_once():
    tokens, mint = Tokens(), Mint()
    assert await asyncio.gather(*(token(tokens, mint) for _ in range(50))) == ["token-1"] * 50
    assert mint.made == 1
    assert asyncio.get_running_loop().time() == 1


@pytest.mark.parametrize(
    "other",
    [target("another"), target(region="eu"), replace(target(), provider="vertex-ai")],
    ids=["credential", "option", "provider"],
)
async def test_a_token_is_for_one_credential_only(other):
    tokens, mint = Tokens(), Mint()
    assert [await token(tokens, mint), await token(tokens, mint, other)] == ["token-1", "token-2"]
    assert [await token(tokens, mint), await token(tokens, mint, other)] == ["token-1", "token-2"]


@pytest.mark.parametrize(
    ("seconds", "last_used", "renewed"),
    [(3600.0, 3539.0, 3541.0), (120.0, 59.0, 61.0), (60.0, 29.0, 31.0), (2.0, 0.5, 1.5)],
    ids=["an hour", "two minutes", "one minute", "hardly any time"],
)
async def test_a_token_is_renewed_shortly_before_it_ends(seconds, last_used, renewed):
    tokens, mint = Tokens(), Mint(seconds=seconds)
    await token(tokens, mint)
    minted_at = asyncio.get_running_loop().time()
    await asyncio.sleep(last_used)
    assert await token(tokens, mint) == "token-1"
    await asyncio.sleep(minted_at + renewed - asyncio.get_running_loop().time())
    assert await token(tokens, mint) == "token-2"


async def test_a_dropped_token_is_minted_anew():
    tokens, mint = Tokens(), Mint()
    refused_one = await tokens.token(target(), mint)
    tokens.drop(target("another"), refused_one)
    assert await token(tokens, mint) == "token-1"
    tokens.drop(target(), refused_one)
    assert await token(tokens, mint) == "token-2"
    tokens.drop(target(), refused_one)  # word of the first one's refusal that comes late
    assert await token(tokens, mint) == "token-2"


async def test_a_failure_is_not_kept():
    tokens, mint = Tokens(), Mint(LOST)
    assert await token(tokens, mint) is LOST
    assert await token(tokens, mint) == "token-1"


async def test_whoever_waited_for_a_mint_that_failed_mints_in_turn():
    tokens, mint = Tokens(), Mint(LOST)
    assert await asyncio.gather(*(token(tokens, mint) for _ in range(5))) == [LOST, *["token-1"] * 4]
    assert mint.made == 1


async def test_whoever_gives_up_waiting_stops_nobody_else():
    tokens, mint = Tokens(), Mint()
    first, second = (asyncio.create_task(token(tokens, mint)) for _ in range(2))
    await asyncio.sleep(0.5)
    first.cancel()
    assert await second == "token-1"


async def test_credentials_that_were_never_good_leave_nothing_behind():
    tokens = Tokens()
    for number in range(100):
        await token(tokens, Mint(REFUSED), target(f"guess-{number}"))
    assert (tokens._kept, tokens._minting) == ({}, {})


async def test_no_more_tokens_are_kept_than_there_is_room_for():
    tokens, mint = Tokens(), Mint(seconds=1e6)
    for number in range(1100):
        await token(tokens, mint, target(str(number)))
    assert len(tokens._kept) <= 1024
    assert tokens._minting == {}
    made = mint.made
    assert await token(tokens, mint, target("1099")) == "token-1100"
    assert mint.made == made


# --- at work, between a target and its provider


def _mint(_target, at):
    def minting():
        received = yield from send(Send("POST", SIGN_IN, json={"at": at > 0}))
        if received.status != 200:
            return REFUSED
        return Minted({"access_token": Secret(received.json()["token"])}, 3600)

    return minting()


def _authorize(wire):
    if "access_token" in wire.credentials:
        return {"Authorization": f"Bearer {wire.credentials['access_token'].reveal()}"}
    if "api_key" not in wire.credentials:
        raise MissingCredential("send a key")
    return {}


MINTING = replace(PROVIDERS["openai"], mint=_mint, authorize=_authorize)


def minted(token):
    return downloaded(b'{"token": "%s"}' % token.encode())


async def talk(*script, times=1, config=KEY, **params):
    tokens = Tokens()
    outcomes, journeys = [], []
    route, transport = route_with(config, MINTING, script, tokens=tokens)
    for _ in range(times):
        outcome, journey = await run(route, model="brand-new", **params)
        outcomes.append(outcome)
        journeys.append(journey)
    return outcomes, transport.sent, journeys


async def test_a_token_is_traded_for_and_sent_in_place_of_the_credential():
    [outcome, again], [sign_in, first, second], _ = await talk(minted("first"), answer(), answer(), times=2)
    assert isinstance(outcome, Success)
    assert isinstance(again, Success)
    assert (sign_in.url, sign_in.json, sign_in.trusted) == (SIGN_IN, {"at": True}, False)
    assert "authorization" not in sign_in.headers
    assert [first.headers["authorization"], second.headers["authorization"]] == ["Bearer first"] * 2


async def test_many_at_once_sign_in_once():
    script = [After(1, minted("first")), *[answer()] * 8]
    route, transport = route_with(KEY, MINTING, script, tokens=Tokens())
    outcomes = await asyncio.gather(*(run(route, model="brand-new") for _ in range(8)))
    assert all(isinstance(outcome, Success) for outcome, _ in outcomes)
    assert [sent.url for sent in transport.sent].count(SIGN_IN) == 1


async def test_a_token_that_is_not_taken_is_forgotten():
    outcomes, sent, _ = await talk(minted("first"), refused(401), minted("second"), answer(), times=2)
    assert outcomes[0].cause is Cause.AUTH
    assert isinstance(outcomes[1], Success)
    assert [each.headers.get("authorization") for each in sent] == [None, "Bearer first", None, "Bearer second"]


async def test_other_answers_leave_the_token_alone():
    outcomes, sent, _ = await talk(minted("first"), refused(403), refused(429), refused(500), answer(), times=4)
    assert isinstance(outcomes[3], Success)
    assert [each.url for each in sent].count(SIGN_IN) == 1


@pytest.mark.parametrize(
    "turn",
    [refused(400), LOST, Failure(cause=Cause.INCOMPLETE, message="cut off"), Failure(cause=Cause.TIMEOUT, message="")],
    ids=["refused", "unreachable", "cut off", "too late"],
)
async def test_signing_in_that_fails_costs_nothing(turn):
    [outcome], sent, [journey] = await talk(turn)
    assert (len(sent), outcome.billable, journey.maybe_billed) == (1, False, 0)
    assert not journey.attempts[0].sent


async def test_a_token_is_never_repeated_in_what_a_provider_says():
    [outcome], _, _ = await talk(minted("the-minted-token"), refused(422, message="bad token the-minted-token"))
    assert "***" in outcome.message
    assert "the-minted-token" not in outcome.message


async def test_a_caller_without_a_credential_signs_in_nowhere():
    config = {"provider": "openai", "passthrough": True}
    [outcome], sent, _ = await talk(config=config)
    assert (outcome.code, sent) == ("invalid_api_key", [])


async def test_without_a_mint_of_its_own_a_target_is_sent_its_credential():
    route, transport = route_with(KEY, replace(PROVIDERS["openai"], mint=lambda _target, _at: None), [answer()])
    outcome, _ = await run(route)
    assert look(outcome.reply.pictures[0]).format == "png"
    assert transport.sent[0].headers["authorization"] == "Bearer not-real"
