"""The rows of `catalogue:` in the gateway file: models that are added to the built-in ones, or replace them."""

from typing import Any

from gateway.catalogue import BUILT_IN, Catalogue, ModelRow, UnknownRow, row_of
from gateway.config.not_yet import ALIASES, advice_for_provider
from gateway.config.provider_fields import FIELDS
from gateway.config.reading import FAULTY, Path, Reading
from gateway.config.suggest import shown
from schemas import load, validator


def own_catalogue(written: list[Any], reading: Reading) -> Catalogue:
    """Return the catalogue with the operator's rows before the built-in ones, after reporting what is wrong with them.

    A row that bears the name of a built-in one says only what is different.
    """
    if not written:
        return BUILT_IN
    rows = []
    for index, entry in enumerate(written):
        if entry is FAULTY:
            continue
        path: Path = ("catalogue", index)
        provider, row = entry.get("provider"), {key: value for key, value in entry.items() if key != "provider"}
        provider = ALIASES.get(provider, provider) if isinstance(provider, str) else provider
        if not isinstance(provider, str) or provider not in FIELDS:
            said = advice_for_provider(provider, list(FIELDS)) if isinstance(provider, str) else "Name a `provider`."
            reading.report((*path, "provider"), said)
            continue
        if _is_sound(row, path, reading):
            same = BUILT_IN.find(provider, row["id"])
            try:
                rows.append(row_of(provider, row if same is None or "like" in row else _changed(same, row)))
            except UnknownRow as unknown:
                reading.report((*path, "like"), f"{unknown}.")
    return Catalogue(rows)


def _changed(same: ModelRow, row: dict[str, Any]) -> dict[str, Any]:
    """Return what a row says, over what the built-in row of that name says."""
    kept: dict[str, Any] = {"like": same.id}
    if same.id == row["id"]:
        kept["aliases"] = same.aliases
        kept["retires"] = None if same.retires is None else same.retires.isoformat()
    return {**kept, **row}


def _is_sound(row: dict[str, Any], path: Path, reading: Reading) -> bool:
    # The standard validator starts slowly, and few gateway files have rows.
    model = {**load("catalogue")["$defs"]["model"], "$defs": load("catalogue")["$defs"]}
    sound = True
    for problem in validator("catalogue").evolve(schema=model).iter_errors(row):
        sound = False
        place = (*path, *problem.absolute_path)
        match problem.validator:
            case "required":
                reading.report(place, f"{problem.message}: `id` is the name the provider knows the model by.")
            case "additionalProperties":
                known = ", ".join(model["properties"])
                reading.report(place, f"{problem.message}; the keys of a row are provider, {known}.")
            case _:
                reading.report(place, f"`{place[-1]}` cannot be {shown(problem.instance)}: see catalogue.schema.json.")
    return sound
