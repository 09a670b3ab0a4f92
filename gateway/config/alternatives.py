"""What concerns the choice between the targets of one node: `sticky` and `hedge`."""

from typing import Any

import orjson

from gateway.config.conditions import Find, finder
from gateway.config.reading import FAULTY, Path, Reading, given
from gateway.config.spec import NodeSpec, StickySpec, TargetSpec
from gateway.config.suggest import printable
from gateway.images import ImageRequest

NO_SIBLING = "`hedge` asks the target after this one in a fallback, and there is none; remove it."
_NOT_ACCEPTED = "A hedged request may be paid twice: say so by `accept_double_billing: true`, or remove `hedge`."
_ONE_OF_BOTH = "`hedge` needs either `after_ms` or `after_p95: true`, and not both."
_STRICT = "`billing: strict` never pays twice, and a hedge may; remove one of both."


def sticky_of(written: dict[str, Any] | None, path: Path, reading: Reading) -> StickySpec | None:
    """Return what `sticky:` says, after reporting fields that no request has."""
    if written is None or given(written, "enabled") is False:
        return None
    finds: list[Find] = []
    names = given(written, "hash_fields") or []
    for index, name in enumerate(names):
        find = None if name is FAULTY else finder(name)
        if find is not None:
            finds.append(find)
        elif name is not FAULTY:
            message = (
                f"Unknown field `{printable(name)}`: requests have `metadata.…`, `params.…`, `headers.…` and "
                "`url.pathname`."
            )
            reading.report((*path, "hash_fields", index), message)

    def read(request: ImageRequest) -> str | None:
        found = [find(request) for find in finds]
        if all(value is None for value in found):
            return None
        return orjson.dumps(found, default=str, option=orjson.OPT_NON_STR_KEYS).decode()

    fields = tuple(name for name in names if name is not FAULTY)
    return StickySpec(hash_fields=fields, read=read, ttl=given(written, "ttl") or 3600)


def check_hedges(
    node: dict[str, Any], children: tuple[NodeSpec, ...], path: Path, reading: Reading, *, siblings: bool
) -> None:
    """Report hedges that could not be, or that nobody has agreed to pay for."""
    targets = given(node, "targets") or []
    for index, target in enumerate(targets):
        hedge = None if target is FAULTY else given(target, "hedge")
        if hedge is None:
            continue
        place = (*path, "targets", index, "hedge")
        if not siblings or index == len(targets) - 1:
            reading.report(place, NO_SIBLING)
        if given(hedge, "accept_double_billing") is not True:
            reading.report(place, _NOT_ACCEPTED)
        if ("after_ms" in hedge) is bool(given(hedge, "after_p95")):
            reading.report(place, _ONE_OF_BOTH)
    for child in children:
        if isinstance(child, TargetSpec) and child.hedge is not None and child.billing == "strict":
            index = int(child.path.rpartition("[")[2].removesuffix("]"))
            reading.report((*path, "targets", index, "hedge"), _STRICT)
