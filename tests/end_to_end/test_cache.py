"""The cache as callers see it: what a hit says of itself, and whose pictures it shows."""

import base64
import io
import json
import socket
import threading
import time

import pytest
from PIL import Image

from tests.end_to_end.caller import ask, fallback, line_to, raw_request, target
from tests.end_to_end.provider import Provider, within
from tests.running import serving

GATEWAY = """
server: {cache_bytes: 300000, max_json_bytes: 100000}
api_keys:
  - {name: team-a, key: key-of-team-a-not-real}
  - {name: team-b, key: key-of-team-b-not-real, workspace_id: team-b}
"""
A, B = "key-of-team-a-not-real", "key-of-team-b-not-real"
CACHE = {"mode": "simple", "max_age": 60}


@pytest.fixture(scope="module")
def painter():
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(painter):
    painter.forget()
    return painter


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    (folder / "gateway.yaml").write_text(GATEWAY)
    with serving(folder) as running:
        yield running


def cached(provider, model="good", **more):
    return target(provider, model, cache=CACHE, **more)


def get(gateway, config, *, team=A, **more):
    return ask(gateway, config=config, **{"x-portkey-api-key": team}, **more)


def told(answer):
    return answer.headers["x-portkey-cache-status"], answer.attempts


def test_a_hit_says_what_it_is_and_costs_nothing(gateway, provider):
    config = cached(provider)
    first, second = (get(gateway, config) for _ in range(2))
    assert (told(first), told(second)) == (("MISS", 1), ("HIT", 0))
    assert first.body == second.body
    assert second.headers["x-gateway-cost-usd"] == "0.000000"
    assert second.headers["x-portkey-last-used-option-index"] == "config"
    assert second.headers["x-portkey-provider"] == "openai"
    assert second.headers["x-gateway-model"] == "good"
    assert second.maybe_billed == 0
    assert provider.billed == 1


def test_without_a_cache_it_is_said_to_be_disabled(gateway, provider):
    assert [told(get(gateway, target(provider))) for _ in range(2)] == [("DISABLED", 1)] * 2


def test_two_tenants_never_see_each_others_pictures(gateway, provider):
    config = cached(provider)
    answers = [get(gateway, config, team=team) for team in (A, B, A, B)]
    assert [told(answer)[0] for answer in answers] == ["MISS", "MISS", "HIT", "HIT"]
    assert len(provider.seen) == 2


def test_namespaces_are_apart_and_a_refresh_replaces(gateway, provider):
    config = cached(provider)
    spaces = [get(gateway, config, **{"x-portkey-cache-namespace": name}) for name in ("a", "b", "a")]
    assert [told(answer)[0] for answer in spaces] == ["MISS", "MISS", "HIT"]
    words = [get(gateway, config, **{"x-portkey-cache-force-refresh": word}) for word in ("true", "false", "True", "0")]
    assert [told(answer)[0] for answer in words] == ["REFRESH", "HIT", "REFRESH", "HIT"]
    assert len(provider.seen) == 4
    odd = get(gateway, config, **{"x-portkey-cache-force-refresh": "maybe"})
    assert (odd.status, odd.error["param"]) == (400, "x-portkey-cache-force-refresh")


def test_a_failure_after_a_miss_says_so_and_is_not_kept(gateway, provider):
    config = cached(provider, "once:500")
    first, second, third = (get(gateway, config, prompt="fails first") for _ in range(3))
    assert (first.status, told(first)) == (500, ("MISS", 1))
    assert [(each.status, told(each)) for each in (second, third)] == [(200, ("MISS", 1)), (200, ("HIT", 0))]


def test_behind_a_target_that_fails_the_hit_is_the_second_targets(gateway, provider):
    config = fallback(target(provider, "status:500"), cached(provider))
    answers = [get(gateway, config) for _ in range(2)]
    assert [told(answer) for answer in answers] == [("MISS", 2), ("HIT", 1)]
    assert {answer.headers["x-portkey-last-used-option-index"] for answer in answers} == {"config.targets[1]"}
    assert provider.models == ["status:500", "good", "status:500"]


def test_concurrent_twins_are_one_call(gateway, provider):
    config, answers = cached(provider, "slow:0.5"), []
    threads = [threading.Thread(target=lambda: answers.append(get(gateway, config))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {200}
    assert sorted(told(answer) for answer in answers) == [("HIT", 0)] * 49 + [("MISS", 1)]
    assert (len({answer.body for answer in answers}), provider.billed) == (1, 1)


def test_when_the_first_caller_leaves_the_next_one_gets_its_picture(gateway, provider):
    config, answers = cached(provider, "slow:1"), []
    second = threading.Thread(target=lambda: answers.append(get(gateway, config)))
    with line_to(gateway) as line:
        line.sendall(raw_request(config, b'{"prompt": "an otter"}', f"x-portkey-api-key: {A}"))
        assert provider.wait_for(1)
        second.start()
        time.sleep(0.3)
        line.shutdown(socket.SHUT_RDWR)
    second.join()
    assert (answers[0].status, told(answers[0])) == (200, ("MISS", 1))
    assert within(2, lambda: provider.seen[0].left_at is not None)
    assert len(provider.seen) == 2


def test_a_hit_is_answered_while_the_provider_is_down(gateway):
    with Provider() as provider:
        config = cached(provider)
        assert told(get(gateway, config)) == ("MISS", 1)
    assert told(get(gateway, config)) == ("HIT", 0)


def test_variants_are_shown_in_turn(gateway):
    config = {"provider": "sandbox", "cache": {"variants": 2}}
    answers = [get(gateway, config, body={"prompt": "a boat", "size": "256x256"}) for _ in range(4)]
    assert [told(answer) for answer in answers] == [("MISS", 1)] * 2 + [("HIT", 0)] * 2


def test_links_in_the_cache_lead_to_the_pictures(gateway):
    config, body = {"provider": "sandbox", "cache": {}}, {"prompt": "a link", "response_format": "url"}
    first, second = (get(gateway, config, body=body) for _ in range(2))
    assert (told(second), first.json["data"]) == (("HIT", 0), second.json["data"])
    link = second.json["data"][0]["url"].removeprefix(gateway.url)
    assert ask_for(gateway, link).startswith(b"\x89PNG")


def ask_for(gateway, path):
    with line_to(gateway) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: gateway.test\r\nConnection: close\r\n\r\n".encode())
        return line.makefile("rb").read().partition(b"\r\n\r\n")[2]


def test_another_host_header_never_gets_into_anybodys_links(gateway):
    config, body = {"provider": "sandbox", "cache": {}}, {"prompt": "whose host", "response_format": "url"}
    get(gateway, config, body=body, host="evil.example")
    answer = get(gateway, config, body=body)
    assert answer.json["data"][0]["url"].startswith(gateway.url)


def test_an_answer_that_was_kept_is_streamed_too(gateway):
    config, body = {"provider": "sandbox", "cache": {}}, {"prompt": "a stream", "stream": True, "size": "256x256"}
    streams = [stream(gateway, config, body) for _ in range(2)]
    assert [b"x-portkey-cache-status: hit" in head.lower() for head, _ in streams] == [False, True]
    assert [events.count(b"image_generation.completed") for _, events in streams] == [2, 2]


def stream(gateway, config, body):
    with line_to(gateway) as line:
        line.sendall(raw_request(config, json.dumps(body).encode(), f"x-portkey-api-key: {A}", "Connection: close"))
        head, _, events = line.makefile("rb").read().partition(b"\r\n\r\n")
        return head, events


def test_an_edit_is_cached_by_its_picture(gateway, provider):
    def edit(colour):
        buffer = io.BytesIO()
        Image.new("RGB", (64, 64), colour).save(buffer, "PNG")
        address = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        config = {"provider": "sandbox", "cache": {}}
        body = {"prompt": "wider", "image": address, "size": "256x256"}
        return told(get(gateway, config, body=body, path="/v1/images/edits"))[0]

    assert [edit("red"), edit("red"), edit("blue")] == ["MISS", "HIT", "MISS"]


def test_what_was_not_asked_for_the_longest_makes_room(gateway):
    config = {"provider": "sandbox", "cache": {}}
    prompts = [f"picture {number}" for number in range(8)]
    body = {"size": "256x256"}
    sizes = [len(get(gateway, config, body={**body, "prompt": prompt}).body) for prompt in prompts]
    assert sum(sizes) > 300_000
    assert max(sizes) < 300_000
    again = [told(get(gateway, config, body={**body, "prompt": prompt}))[0] for prompt in reversed(prompts)]
    assert (again[0], again[-1]) == ("HIT", "MISS")
