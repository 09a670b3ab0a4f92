"""For every model: whatever is asked for is sent, said in the provider's words, or listed among the changes."""

import itertools
import random
from dataclasses import replace

import pytest

from gateway.catalogue import BUILT_IN
from gateway.images import ImageRequest
from gateway.target.prepare import Prepared
from gateway.wire import Send
from tests.providers.probing import VALUES, first_sent, leaf_of, owned_up_to
from tests.providers.test_cassettes import Drawn, upload

REQUESTS = 500
_ROWS = [row for row in BUILT_IN.all_rows() if row.provider != "sandbox"]

# What is done whatever is sent: by fan-out, by delivery, by an event that is made of the answer.
_SEEN_TO = frozenset({"prompt", "model", "n", "response_format", "stream", "partial_images", "image", "mask"})
# Their pictures go ahead of the request, in one of their own.
_UPLOADS_FIRST = frozenset({"leonardo", "comfyui"})
_LEFT_TO_PROVIDER = "auto"


def _requests(row):
    chance = random.Random(f"{row.provider}/{row.id}")
    for _ in range(REQUESTS):
        params = {"prompt": "a small otter", "model": "what the caller had in mind"}
        params |= {name: chance.choice(values) for name, values in VALUES.items() if chance.random() < 0.35}
        edits = row.edit and row.provider not in _UPLOADS_FIRST and chance.random() < 0.3
        if edits or not row.generate:
            params["image"] = [upload(Drawn(), "image 1")]
            if row.mask and chance.random() < 0.5:
                params["mask"] = upload(Drawn(), "mask")
        yield ImageRequest(params=params)


def _vanished(leaf, request):
    """Return the parameters of which nothing is left, and nothing is said."""
    prepared = leaf.prepare(request)
    if not isinstance(prepared, Prepared):
        return set()  # it is told that this cannot be done
    told = {change.param for change in prepared.adaptations}
    params = prepared.request.params
    open_ = [name for name in request.params if name not in _SEEN_TO and name not in told]
    open_ = [name for name in open_ if request.params[name] != _LEFT_TO_PROVIDER]
    gone = {name for name in open_ if name not in params}
    open_ = [name for name in open_ if name in params]
    if not open_:
        return gone
    told = owned_up_to(leaf, prepared)
    sent = first_sent(leaf, prepared.request)
    if not isinstance(sent, Send):
        return gone
    for name in open_:
        if name in told:
            continue
        without = {other: value for other, value in params.items() if other != name}
        if first_sent(leaf, replace(prepared.request, params=without)) == sent and not _matters(
            leaf, request, name, sent
        ):
            gone.add(name)
    return gone


def _matters(leaf, request, name, sent):
    """Whether another value would make a difference: then this one asks for just what is done without it."""
    for value in VALUES[name]:
        prepared = leaf.prepare(replace(request, params={**request.params, name: value}))
        if not isinstance(prepared, Prepared) or any(change.param == name for change in prepared.adaptations):
            return True
        if name in owned_up_to(leaf, prepared) or first_sent(leaf, prepared.request) != sent:
            return True
    return False


@pytest.mark.parametrize("provider", sorted({row.provider for row in _ROWS}))
def test_nothing_that_is_asked_for_vanishes(provider):
    found = {}
    for row in _ROWS:
        if row.provider == provider:
            leaf = leaf_of(row)
            for request in _requests(row):
                for name in _vanished(leaf, request):
                    found.setdefault((row.id, name), request.params)
    assert found == {}, "\n".join(
        f"{model}: {name} in {params}" for (model, name), params in itertools.islice(found.items(), 12)
    )
