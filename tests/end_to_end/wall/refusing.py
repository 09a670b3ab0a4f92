"""Providers that do not do the work: unreachable, out of order, too busy, or not willing."""

from tests.end_to_end.wall.legs import Leg, Scenario, failed, first, second, served, third

AN_HOUR = 3600
AT_ONCE = (0.0, 1.0)
HEEDING = {"attempts": 2, "use_retry_after_header": True}
REFUSAL = {"provider_code": "moderation_blocked"}

REFUSED = Scenario(
    name="connection refused",
    legs=(
        Leg(
            name="with a fallback, `strict`",
            aims=(first(closed=True), second()),
            more={"billing": "strict"},
            gets=served("second", attempts=2, seconds=AT_ONCE),
            sees={"second": 1},
            bills=1,
        ),
        Leg(
            name="alone",
            aims=(first(closed=True),),
            gets=failed(502, "upstream_unreachable", seconds=AT_ONCE),
            sees={},
            bills=0,
        ),
    ),
)
ONCE = Scenario(
    name="500 once, then well",
    legs=(
        Leg(
            name="retry",
            aims=(first("once:500", retry={"attempts": 1}),),
            gets=served("first", attempts=2, headers={"x-portkey-retry-attempt-count": "1"}),
            sees={"first": 2},
            bills=1,
        ),
    ),
)
ALWAYS = Scenario(
    name="503 always",
    legs=(
        Leg(
            name="with a fallback",
            aims=(first("status:503", retry={"attempts": 1}), second()),
            gets=served("second", attempts=3),
            sees={"first": 2, "second": 1},
            bills=1,
        ),
        Leg(
            name="from every target",
            aims=tuple(aim("status:503", retry={"attempts": 1}) for aim in (first, second, third)),
            gets=failed(503, "upstream_error", attempts=6, final=True),
            sees={"first": 2, "second": 2, "third": 2},
            bills=0,
        ),
    ),
)
SOON = Scenario(
    name="429, to come back soon",
    legs=(
        Leg(
            name="alone",
            aims=(first("once:429:1", retry=HEEDING),),
            gets=served("first", attempts=2, seconds=(1.0, 2.0)),
            sees={"first": 2},
            bills=1,
            pause=1.0,
        ),
        Leg(
            name="with a fallback",
            aims=(first("once:429:0.5", retry=HEEDING), second()),
            gets=served("first", attempts=2, seconds=(0.5, 1.5)),
            sees={"first": 2},
            bills=1,
            pause=0.5,
        ),
    ),
)
LATE = Scenario(
    name="429, to come back late",
    legs=(
        Leg(
            name="with a fallback",
            aims=(first(f"status:429:{AN_HOUR}", retry=HEEDING), second()),
            gets=served("second", attempts=2, seconds=AT_ONCE),
            sees={"first": 1, "second": 1},
            bills=1,
        ),
        Leg(
            name="with a fallback, once more",
            follows="with a fallback",
            aims=(first(f"status:429:{AN_HOUR}", retry=HEEDING), second()),
            gets=served("second", attempts=1, seconds=AT_ONCE),
            sees={"second": 1},
            bills=1,
        ),
        Leg(
            name="alone",
            aims=(first(f"status:429:{AN_HOUR}", retry=HEEDING),),
            gets=failed(429, "upstream_rate_limited", retry_after=(AN_HOUR, AN_HOUR), final=True, seconds=AT_ONCE),
            sees={"first": 1},
            bills=0,
        ),
        Leg(
            name="alone, once more",
            follows="alone",
            aims=(first(f"status:429:{AN_HOUR}"),),
            gets=failed(429, "upstream_rate_limited", attempts=0, retry_after=(1, 600), seconds=AT_ONCE),
            sees={},
            bills=0,
        ),
        Leg(
            name="from every target",
            aims=(first(f"status:429:{AN_HOUR}"), second("status:429:120")),
            gets=failed(429, "upstream_rate_limited", attempts=2, retry_after=(120, 120), seconds=AT_ONCE),
            sees={"first": 1, "second": 1},
            bills=0,
        ),
        Leg(
            name="from every target, once more",
            follows="from every target",
            aims=(first(f"status:429:{AN_HOUR}"), second("status:429:120")),
            gets=failed(429, "upstream_rate_limited", attempts=0, retry_after=(1, 120), seconds=AT_ONCE),
            sees={},
            bills=0,
        ),
    ),
)
POLICY = Scenario(
    name="refused by content policy",
    legs=(
        Leg(
            name="with a fallback",
            aims=(first("policy"), second()),
            gets=failed(400, "content_policy_violation", **REFUSAL),
            sees={"first": 1},
            bills=0,
        ),
        Leg(
            name="with a fallback on 400",
            aims=(first("policy"), second()),
            strategy={"on_status_codes": [400]},
            gets=failed(400, "content_policy_violation", **REFUSAL),
            sees={"first": 1},
            bills=0,
        ),
        Leg(
            name="with a fallback on `policy`",
            aims=(first("policy"), second()),
            strategy={"on_causes": ["policy"]},
            gets=served("second", attempts=2),
            sees={"first": 1, "second": 1},
            bills=1,
        ),
    ),
)
INVALID = Scenario(
    name="the provider calls the request invalid",
    legs=(
        Leg(
            name="with a fallback for outages",
            aims=(first("invalid", retry={"attempts": 2}), second()),
            strategy={"on_status_codes": [429, 500, 502, 503, 504]},
            gets=failed(400, "invalid_value", provider_code="invalid_value"),
            sees={"first": 1},
            bills=0,
        ),
        Leg(
            name="with a fallback for everything",
            aims=(first("invalid", retry={"attempts": 2}), second()),
            gets=served("second", attempts=2),
            sees={"first": 1, "second": 1},
            bills=1,
        ),
    ),
)
KEY = Scenario(
    name="401 on the gateway's own key",
    legs=(
        Leg(
            name="with a fallback",
            aims=(first(key="revoked", retry={"attempts": 2}), second()),
            gets=served("second", attempts=2),
            sees={"first": 1, "second": 1},
            bills=1,
        ),
        Leg(
            name="alone",
            aims=(first(key="revoked", retry={"attempts": 2}),),
            gets=failed(502, "upstream_auth", provider_code="invalid_api_key", final=True),
            sees={"first": 1},
            bills=0,
        ),
    ),
)


def nobody_else_was_asked(rig, result):
    result.must(rig.elsewhere.connects == 0, f"{rig.elsewhere.connects} connections to where the redirect leads")


REDIRECT = Scenario(
    name="redirect to another host",
    legs=(
        Leg(
            name="alone",
            aims=(first("redirect"),),
            gets=failed(502, "upstream_redirect", final=True),
            sees={"first": 1},
            bills=0,
        ),
        Leg(
            name="with a fallback",
            aims=(first("redirect"), second()),
            gets=served("second", attempts=2),
            sees={"first": 1, "second": 1},
            bills=1,
        ),
    ),
    story=nobody_else_was_asked,
)
