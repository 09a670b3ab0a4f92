"""Writes docs/providers.md from the adapters and the catalogue: `make docs`."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

from gateway.catalogue import BUILT_IN
from gateway.images import ImageRequest
from gateway.providers import PROVIDERS
from gateway.target.prepare import Prepared
from gateway.wire import MissingField, Send, Target
from tests.providers.probing import VALUES, first_sent, leaf_of, owned_up_to
from tests.providers.test_cassettes import Drawn, cassettes_of, upload

PAGE = Path(__file__).parents[2] / "docs" / "providers.md"

_ASKED = (
    *("size", "quality", "style", "background", "moderation", "output_format", "output_compression"),
    *("input_fidelity", "seed", "negative_prompt", "watermark", "user"),
)
_MOST_ENDPOINTS = 16
_ID = re.compile(r"/(?=[^/]*[0-9])[0-9a-f-]{8,}(?=/|$)")

_HEAD = """# Providers

Written by `make docs` from the adapters, the catalogue and the recorded conversations; a test holds it to them.

Any provider can be asked for `response_format` `url` or `b64_json`, for any `n` where the request is routed to it or
its target says `fan_out: true`, and for `stream: true`: what it does not do itself, the gateway does. The column
*answers* says in which form its pictures come by themselves. Parameters *as they are* reach the provider under their
own name, those *in its own words* under another name or with other values; what it has nothing like is left out and
listed in `x-gateway-adaptations`, or refused where the caller named the model. Its own parameters, such as `steps` or
`aspect_ratio`, travel to it unchanged. The address is what `custom_host` replaces; endpoints are below it.

"""


def page():
    """Return the page."""
    parts = [_HEAD, _overview()]
    parts += [_section(slug) for slug in PROVIDERS]
    return "\n".join(parts).rstrip() + "\n"


def _rows(slug):
    return [row for row in BUILT_IN.all_rows() if row.provider == slug]


def _overview():
    lines = ["| provider | models | edit | mask | variation | events | answers | polled |", "| --- " * 8 + "|"]
    for slug in PROVIDERS:
        rows = _rows(slug)
        cells = [
            f"[{slug}](#{slug})",
            str(len(rows)) if rows else "any",
            *(_mark(any(getattr(row, what) for row in rows)) for what in ("edit", "mask", "variation", "stream")),
            ", ".join(dict.fromkeys(row.native for row in rows)) or "either",
            _mark(_is_polled(slug)),
        ]
        if slug == "openai-compatible":
            cells[2:6] = ["yes", "yes", "yes", "yes"]
        if slug == "reka-ai":
            cells[1:] = ["none", *[""] * 6]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _section(slug):
    lines = [f"## {slug}", ""]
    if slug == "reka-ai":
        return "\n".join([*lines, "Has no image API: every request ends in `unsupported`, with nothing sent.", ""])
    lines += [*_access(slug), *_endpoints(slug)]
    rows = _rows(slug)
    if rows:
        lines += [*_parameters(rows), "", *_models(rows)]
    elif slug == "openai-compatible":
        lines += ["", "Every parameter reaches the server as it is; what it takes, it says itself."]
    return "\n".join(lines) + "\n"


def _access(slug):
    adapter = PROVIDERS[slug]
    fields = adapter.fields
    try:
        base = f"`{adapter.base_url(_example(slug))}`"
    except MissingField:
        base = "your own, by `custom_host`"
    if adapter.local:
        return ["Paints here; nothing is sent anywhere."]
    lines = [f"- address: {base}"]
    named = " or ".join(f"`{name}`" for name in fields.credentials)
    lines.append(f"- credential: {named}" + ("" if fields.needs_credential else ", where the server wants one"))
    if fields.secrets or fields.options:
        rest = (*fields.secrets, *fields.options)
        needed = [f"`{name}` (needed)" if name in fields.needs else f"`{name}`" for name in rest]
        lines.append(f"- other fields: {', '.join(needed)}")
    return lines


def _endpoints(slug):
    """Say what is asked for below the address, as the recorded conversations show it."""
    found = set()
    for cassette in cassettes_of(slug):
        aim = cassette.target
        if cassette.outcome.success is None or PROVIDERS[slug].local:
            continue
        target = Target(provider=slug, options=aim.options)
        base = aim.custom_host or PROVIDERS[slug].base_url(target)
        model = str(aim.options.get("azure_deployment_id") or cassette.request.params.get("model") or "")
        for step in cassette.steps:
            if step.send is not None and step.send.method == "POST":
                path = _template(step.send.url, base, model)
                for name, value in aim.options.items():
                    path = path and path.replace(f"/{value}/", f"/{{{name}}}/")
                found.add(path)
    shown = sorted(found - {None})
    if len(shown) > _MOST_ENDPOINTS:
        shown = [*shown[:_MOST_ENDPOINTS], "…"]
    return [f"- endpoints: {', '.join(f'`{path}`' for path in shown)}"] if shown else []


def _template(url, base, model):
    """Return a path with words in the place of names; `None` for what is asked of another host."""
    for start in (base, base.rpartition("/")[0]):
        if url.startswith(start):
            path = url.removeprefix(start).partition("?")[0]
            for name in (quote(model, safe=""), quote(model), model):
                path = path.replace(name, "{model}") if name else path
            return _ID.sub("/{id}", path) or "(the address itself)"
    return None


def _example(slug):
    options = {
        "azure_resource_name": "NAME",
        "aws_region": "us-east-1",
        "vertex_region": "us-central1",
        "vertex_project_id": "PROJECT",
        "workers_ai_account_id": "ACCOUNT",
    }
    known = PROVIDERS[slug].fields.options
    return Target(provider=slug, options={name: value for name, value in options.items() if name in known})


def _parameters(rows):
    """Say what becomes of OpenAI's parameters, over all models of the provider."""
    found = {name: {_fate(row, name) for row in rows} - {None} for name in _ASKED}
    told = {
        "as they are": [name for name in _ASKED if "same" in found[name]],
        "in its own words": [name for name in _ASKED if "same" not in found[name] and "words" in found[name]],
        "it has nothing like": [name for name in _ASKED if not found[name] & {"same", "words"}],
    }
    partly = [name for name in _ASKED if found[name] & {"same", "words"} and "none" in found[name]]
    lines = [
        f"- parameters {what}: {', '.join(f'`{name}`' for name in names)}" for what, names in told.items() if names
    ]
    if partly:
        lines.append(f"- not on every model: {', '.join(f'`{name}`' for name in partly)}")
    return lines


def _fate(row, name):
    """Return whether a model takes a parameter as it is, in other words, or not at all; `None` where nobody can say."""
    if row.provider == "sandbox":
        return "same" if name in row.takes else "none"
    leaf, best = leaf_of(row), "none"
    for operation in ("generate", "edit"):
        params = {"prompt": "an otter", "model": "another"}
        if operation == "edit":
            if not row.edit:
                continue
            params["image"] = [upload(Drawn(), "image 1")]
        elif not row.generate:
            continue
        for value in VALUES[name]:
            if value == "auto":
                continue
            found = _of_value(leaf, ImageRequest(params={**params, name: value}), name, value)
            if found == "same":
                return found
            best = found if found == "words" else best
    return best


def _of_value(leaf, request, name, value):
    prepared = leaf.prepare(request)
    if not isinstance(prepared, Prepared) or any(change.param == name for change in prepared.adaptations):
        return "none"
    sent = first_sent(leaf, prepared.request)
    if not isinstance(sent, Send) or name in owned_up_to(leaf, prepared):
        return "none"
    rest = {other: given for other, given in prepared.request.params.items() if other != name}
    plain = first_sent(leaf, replace(prepared.request, params=rest))
    if plain == sent:
        return "none"
    return "same" if _holds(sent, name, value) else "words"


def _holds(sent, name, value):
    if sent.form is not None:
        return any(field.name == name and field.value == str(value) for field in sent.form)
    return isinstance(sent.json, dict) and sent.json.get(name) == value


def _models(rows):
    lines = ["| model | sizes | n | does | answers | retires |", "| --- " * 6 + "|"]
    for row in rows:
        does = [what for what in ("generate", "edit", "mask", "variation", "stream") if getattr(row, what)]
        cells = [
            f"`{row.id}`",
            "" if row.sizes is None else row.sizes.described(),
            str(row.n_max),
            ", ".join(does),
            ", ".join(row.responses),
            "" if row.retires is None else row.retires.isoformat(),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _mark(what):
    return "yes" if what else ""


def _is_polled(slug):
    return (
        any(step.wait is not None for cassette in cassettes_of(slug) for step in cassette.steps) and slug != "sandbox"
    )


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE.name} is written\n")
