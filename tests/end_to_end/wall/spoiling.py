"""Work that is done, and may be billed, but whose answer is lost, broken, late, or not what it should be."""

from tests.end_to_end.wall.faults import USAGE
from tests.end_to_end.wall.legs import Leg, Scenario, ambiguous, failed, first, second, served
from tests.end_to_end.wall.proxy import Toxics

STREAM = {"stream": True, "partial_images": 2}
PARTIAL, COMPLETED = "image_generation.partial_image", "image_generation.completed"
ROUGH = Toxics(latency=0.02, jitter=0.02, bandwidth=400_000, slice=700, pause=0.001)


def cut(framing, code="upstream_incomplete"):
    """Return the scenario of an answer that ends in its middle, in one of HTTP's ways to say where a body ends."""
    early, late = Toxics(cut_after=400), Toxics(cut_after=9_000)
    return (
        *ambiguous(first(f"framed:{framing}", line=early), code, name="early", due="on_start"),
        *ambiguous(first(f"framed:{framing}", line=late), code, name="late"),
    )


SILENT = Scenario(
    name="silent after the request",
    legs=ambiguous(first("silent", request_timeout=400), "timeout_error", status=408, seconds=(0.4, 1.4)),
)
RESET = Scenario(
    name="reset after the request",
    legs=ambiguous(first("good", line=Toxics(reset_after=0)), "upstream_incomplete", due="on_start"),
)
CUTS = tuple(
    Scenario(name=f"answer cut, {name}", legs=cut(framing, code))
    for name, framing, code in (
        ("Content-Length", "length", "upstream_incomplete"),
        ("chunked", "chunked", "upstream_incomplete"),
        ("delimited by the close", "close", "upstream_bad_response"),
        ("gzip", "gzip", "upstream_bad_response"),
    )
)
HTML = Scenario(name="HTML in a 200", legs=ambiguous(first("html"), "upstream_bad_response"))
EMPTY = Scenario(name='`{"data": []}` in a 200', legs=ambiguous(first("empty"), "upstream_empty"))
BROKEN = Scenario(
    name="half a picture in whole JSON",
    legs=(
        *ambiguous(first("broken:base64"), "upstream_empty", name="base64"),
        *ambiguous(first("broken:png"), "upstream_empty", name="PNG"),
    ),
)
LARGE = Scenario(
    name="answer over max_response_bytes",
    legs=(
        *ambiguous(first("large:2000000"), "upstream_too_large", name="declared", due="on_start"),
        *ambiguous(first("large-chunked:2000000"), "upstream_too_large", name="undeclared", due="on_start"),
    ),
)
SLOW = Scenario(
    name="a body that does not end",
    legs=(
        Leg(
            name="dribbled past the deadline",
            aims=(first(line=Toxics(slice=16, pause=0.02)), second()),
            lines=("x-gateway-deadline: 1000",),
            gets=failed(504, "deadline_exceeded", maybe_billed=1, final=True, seconds=(1.0, 1.5)),
            sees={"first": 1},
            bills=1,
        ),
        *ambiguous(
            first(line=Toxics(black_hole_after=5_000), request_timeout=400),
            "timeout_error",
            status=408,
            name="stalled",
            seconds=(0.4, 1.4),
        ),
        Leg(
            name="slow and rough, but sound",
            aims=(first(line=ROUGH), second()),
            caller=ROUGH,
            gets=served("first"),
            sees={"first": 1},
            bills=1,
        ),
    ),
)
EVENTS = Scenario(
    name="event stream cut",
    legs=(
        Leg(
            name="before its first event",
            aims=(first(line=Toxics(cut_after=8_000)), second()),
            body=STREAM,
            gets=served("second", attempts=2, maybe_billed=1, events=(PARTIAL, PARTIAL, COMPLETED)),
            sees={"first": 1, "second": 1},
            bills=2,
        ),
        Leg(
            name="after its first event",
            aims=(first(line=Toxics(cut_after=25_000)), second()),
            body=STREAM,
            gets=served("first", events=(PARTIAL, "error")),
            sees={"first": 1},
            bills=1,
        ),
    ),
)
WHO_ANSWERED = Scenario(
    name="what is told is of the target that answered",
    legs=(
        Leg(
            name="usage, model, cost and provider",
            aims=(first("empty-but-counted"), second("counted", provider="openai-compatible")),
            gets=served(
                "second",
                attempts=2,
                maybe_billed=1,
                usage=USAGE,
                headers={
                    "x-gateway-model": "counted",
                    "x-gateway-cost-usd": f"{(10 * 5 + 272 * 40) / 1e6:.6f}",
                    "x-portkey-provider": "openai-compatible",
                    "x-portkey-last-used-option-index": "config.targets[1]",
                },
            ),
            sees={"first": 1, "second": 1},
            bills=2,
        ),
    ),
)
