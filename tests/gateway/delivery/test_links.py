"""Links of the gateway's own: nobody can make one up, and none lasts for ever."""

from urllib.parse import urlsplit

import pytest

from gateway.delivery import Links

NAME = f"{'0' * 64}.png"
LINKS = Links(b"not-real")


def judged(link, now=0.0, links=LINKS):
    parts = urlsplit(link)
    return links.judge(parts.path.rpartition("/")[2], parts.query, now)


@pytest.mark.parametrize(
    ("public_url", "headers", "base"),
    [
        ("https://img.example", {"host": "elsewhere"}, "https://img.example"),
        ("https://img.example/pictures/", {}, "https://img.example/pictures"),
        ("", {"host": "127.0.0.1:8787"}, "http://127.0.0.1:8787"),
        ("", {"host": "img.example", "x-forwarded-proto": "https"}, "https://img.example"),
        ("", {"host": "img.example", "x-forwarded-proto": "HTTPS "}, "https://img.example"),
        ("", {"host": "img.example", "x-forwarded-proto": "javascript"}, "http://img.example"),
        ("", {}, "http://localhost"),
    ],
    ids=["set", "set with a path", "found", "behind a proxy", "in capitals", "another scheme", "nothing known"],
)
def test_a_link_leads_to_where_the_gateway_is_found(public_url, headers, base):
    link = Links(b"not-real", public_url=public_url).link(NAME, 100, headers)
    assert link.startswith(f"{base}/v1/images/files/{NAME}?expires=100&signature=")


def test_a_link_is_good_until_it_ends():
    link = LINKS.link(NAME, 100, {})
    assert [judged(link, now) for now in (0, 99.9, 100, 1e9)] == ["good", "good", "expired", "expired"]
    assert judged(link, links=Links(b"not-real")) == "good"


@pytest.mark.parametrize(
    "forge",
    [
        lambda link: link.replace("expires=100", "expires=999"),
        lambda link: link.replace("expires=100", "expires=0100x"),
        lambda link: link.replace("expires=100", "expires=-1"),
        lambda link: link.replace("expires=100", "expires=\N{ARABIC-INDIC DIGIT ONE}"),
        lambda link: link.replace("expires=100", f"expires={'9' * 5000}"),
        lambda link: link.replace(NAME, NAME.replace("0", "1")),
        lambda link: link[:-1],
        lambda link: link + "0",
        lambda link: link.partition("&")[0],
        lambda link: link.partition("?")[0],
        lambda link: link.partition("signature=")[0] + "signature=é",
        lambda _link: Links(b"another").link(NAME, 100, {}),
    ],
    ids=[
        "a later end",
        "no number",
        "a negative end",
        "foreign digits",
        "endless digits",
        "another picture",
        "a shorter signature",
        "a longer signature",
        "no signature",
        "no query",
        "letters that are not ASCII",
        "another secret",
    ],
)
def test_what_was_changed_is_forged(forge):
    assert judged(forge(LINKS.link(NAME, 100, {}))) == "forged"
