"""Rules about models: those that are gone, those that go, those that nobody knows."""

import datetime as dt
import functools
from collections.abc import Iterator

from gateway.catalogue import BUILT_IN, Catalogue, ModelRow
from gateway.config.suggest import did_you_mean, listed, nearest, printable
from gateway.lint.ground import Ground, Model
from gateway.lint.rule import Found, Rule

SOON = dt.timedelta(days=90)
_MOST_OTHERS = 3
_MOST_GUESSES = 16
"""Unknown names that are compared with known ones, which takes its time."""


def _models(ground: Ground) -> Iterator[tuple[str, Model]]:
    """Yield each model that is written with its provider, once, wherever it is inherited to."""
    told: set[tuple[str, str]] = set()
    for site, spec in ground.targets:
        model = ground.model(site)
        if model is not None and (model.path, spec.provider) not in told:
            told.add((model.path, spec.provider))
            yield spec.provider, model


def _retired(ground: Ground) -> Iterator[Found]:
    for provider, model in _models(ground):
        retires = None if model.row is None else model.row.retires
        if model.row is not None and retires is not None and retires <= ground.config.today:
            others = _others(ground, model.row)
            yield Found(model.path, f"{provider} has not served {_called(model)} since {retires.isoformat()}{others}.")


def _retiring(ground: Ground) -> Iterator[Found]:
    today = ground.config.today
    for provider, model in _models(ground):
        retires = None if model.row is None else model.row.retires
        if model.row is not None and retires is not None and today < retires <= today + SOON:
            days = (retires - today).days
            when = f"{retires.isoformat()}, in {days} day{'' if days == 1 else 's'}"
            message = f"{provider} ends {_called(model)} on {when}{_others(ground, model.row)}."
            yield Found(model.path, message)


def _unknown(ground: Ground) -> Iterator[Found]:
    guesses = _MOST_GUESSES
    for provider, model in _models(ground):
        if model.row is not None:
            continue
        names = _names(ground.config.catalogue, provider) if guesses else ()
        guesses -= bool(names)
        guess = did_you_mean(model.name, names)
        # Who has no models of its own in the catalogue may have any: only what looks mistyped is told.
        if guess == "." and not _names(BUILT_IN, provider):
            continue
        if model.deployment:
            message = (
                f"Which model the deployment {_called(model)} serves is not known, so its limits and price are not:"
                " say by `azure_model_name` which one it is."
            )
        elif guess == ".":
            message = (
                f"The catalogue knows no {_called(model)} of {provider}, so requests are not fitted to it and nobody"
                " knows its price: add a row to `catalogue` in gateway.yaml."
            )
        else:
            message = f"The catalogue knows no {_called(model)} of {provider}{guess}"
        yield Found(model.path, message)


def _called(model: Model) -> str:
    return f"`{printable(model.name)}`"


def _others(ground: Ground, row: ModelRow) -> str:
    """Return the end of a sentence: models of the same provider that stay, the likest first."""
    far = ground.config.today + SOON
    usable = [
        each.id
        for each in ground.config.catalogue.all_rows()
        if each.provider == row.provider
        and (each.retires is None or each.retires > far)
        and (each.generate or not row.generate)
        and (each.edit or not row.edit)
    ]
    like = nearest(row.id, usable)
    others = sorted(usable, key=lambda name: name != like)[:_MOST_OTHERS]
    return f"; name another one, such as {listed(others)}" if others else "; choose another provider's"


@functools.lru_cache(maxsize=64)
def _names(catalogue: Catalogue, provider: str) -> tuple[str, ...]:
    rows = [row for row in catalogue.all_rows() if row.provider == provider]
    return tuple(name for row in rows for name in (row.id, *row.aliases))


MODEL_RETIRED = Rule(
    name="model-retired",
    severity="error",
    summary="A model that its provider no longer serves.",
    why=(
        "Each request to it fails, and a fallback hides that until the last target fails as well. The days are those of"
        " the catalogue; where a provider serves you for longer, a row in `catalogue` of gateway.yaml with another"
        " `retires`, or with none, says so for all configs."
    ),
    bad="""\
virtual_key: openai-prod
override_params: {model: dall-e-3}
""",
    good="""\
virtual_key: openai-prod
override_params: {model: gpt-image-2}
""",
    find=_retired,
)

MODEL_RETIRES_SOON = Rule(
    name="model-retires-soon",
    severity="warning",
    summary=f"A model that its provider stops serving within {SOON.days} days.",
    why=(
        "From that day each request to it fails. Pictures of another model look different: it takes a while to find the"
        " one that your users like, and a load balance with little weight on it is a good way to."
    ),
    bad="""\
virtual_key: openai-prod
override_params: {model: gpt-image-1-mini}
""",
    good="""\
virtual_key: openai-prod
override_params: {model: gpt-image-2}
""",
    find=_retiring,
)

MODEL_UNKNOWN = Rule(
    name="model-unknown",
    severity="notice",
    summary="A model, or an Azure deployment, that the catalogue does not know.",
    why=(
        "The request is passed on as it is, which is right for a new model and wrong for a mistyped one. Nothing is"
        " fitted to it, its price is not known, so that budgets refuse it, and edits are not kept away from it."
    ),
    bad="""\
virtual_key: openai-prod
override_params: {model: gpt-imgae-2}
""",
    good="""\
virtual_key: openai-prod
override_params: {model: gpt-image-2}
""",
    find=_unknown,
)

RULES = (MODEL_RETIRED, MODEL_RETIRES_SOON, MODEL_UNKNOWN)
