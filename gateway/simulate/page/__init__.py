"""A result as one page of HTML that needs nothing else: no script, no request, every name escaped."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from gateway.config.suggest import printable
from gateway.simulate.page.plots import COLOURS, Layer, Span, lines, nice, stacked, stripes
from gateway.simulate.page.style import style
from gateway.simulate.rows import SUMMARY, TARGET, Row, notes
from gateway.simulate.words import causes, lasting, name_of, sentence

Result = Mapping[str, Any]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_PERCENTILES = (("p50", "c0"), ("p95", "c1"), ("p99", "c4"))


def page(result: Result) -> str:
    """Return the page of one result, or of two side by side with their difference."""
    results: Sequence[Result] = result.get("configs") or [result]
    title = " and ".join(name_of(each["config"]) for each in results)
    times = " and ".join(lasting(each["seconds"]) for each in results)
    first = results[0]
    body = [
        f"<h1>{escape(title)}, simulated</h1>",
        f'<p class="soft">{first["requests"]:,} requests, seed {first["seed"]}, {times} of virtual time.</p>',
        '<p class="soft">Nothing was sent, nothing was spent.</p>',
        *(_about(each) for each in results),
        _cards(results, result.get("difference")),
        *_plots(results),
        *(part for each in results for part in _targets(each)),
        *_explained(),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}, simulated</title><style>{style(COLOURS)}</style></head>\n"
        "<body>" + "\n".join(body) + "</body></html>\n"
    )


def _about(result: Result) -> str:
    config = result["config"]
    said = sentence(config["description"])
    version = f'<span class="soft">version {escape(config["version"])}</span>'
    return f"<p><b>{escape(name_of(config))}</b> {version} {escape(said)}</p>"


def _cards(results: Sequence[Result], difference: Result | None) -> str:
    return f'<ul class="cards">{"".join(_card(row, results, difference) for row in SUMMARY)}</ul>'


def _card(row: Row, results: Sequence[Result], difference: Result | None) -> str:
    values = [escape(row.told(each[row.name])) for each in results]
    if difference is None:
        return f'<li class="card"><span>{row.title}</span><b>{values[0]}</b></li>'
    change = difference[row.name]
    better = (change or 0) * row.good
    mood = "good" if better > 0 else "bad" if better < 0 else "soft"
    return (
        f'<li class="card"><span>{row.title}</span><b class="other">{values[0]} → {values[1]}</b>'
        f'<span class="{mood}">{escape(row.changed(change))}</span></li>'
    )


def _plots(results: Sequence[Result]) -> Iterator[str]:
    all_series = [each["series"] for each in results]
    names = list(dict.fromkeys(name for each in results for name in each["targets"]))
    colours = {name: f"c{index % COLOURS}" for index, name in enumerate(names)}
    # One scale for both: whoever compares them looks at heights.
    waits = nice(max((value for each in all_series for value in each["p99"] if value is not None), default=0.0))
    money = nice(_highest(all_series, "cost_usd", "at_risk_usd"))
    failed = nice(_highest(all_series, "failures", "rescued"))
    kinds = (
        ("Who answered", lambda each: _shares(each, colours)),
        ("How long callers waited", lambda each: _waits(each, waits)),
        ("Money", lambda each: _money(each, money)),
        ("Failures and rescues", lambda each: _failures(each, failed)),
        ("Left alone", _left_alone),
    )
    if len(results) == 1:
        figures = "".join(f"<figure><h2>{title}</h2>{draw(all_series[0])}</figure>" for title, draw in kinds)
        yield f'<div class="plots">{figures}</div>'
        return
    for title, draw in kinds:
        figures = "".join(f"<figure>{_heading(each)}{draw(each['series'])}</figure>" for each in results)
        yield f'<h2>{title}</h2><div class="plots">{figures}</div>'


def _heading(result: Result) -> str:
    return f"<h3>{escape(name_of(result['config']))}</h3>"


def _highest(all_series: Sequence[Result], *names: str) -> float:
    rows = (row for each in all_series for row in zip(*(each[name] for name in names), strict=True))
    return max((float(sum(row)) for row in rows), default=0.0)


def _span(series: Result) -> Span:
    return Span(series["width"], len(series["seconds"]))


def _shares(series: Result, colours: Mapping[str, str]) -> str:
    layers = [Layer(printable(name), values, colours[name]) for name, values in series["shares"].items()]
    plot = stacked("share of the answers that each target gave", layers, _span(series), 1.0, "{:.0%}")
    return plot + _legend(layers)


def _waits(series: Result, top: float) -> str:
    layers = [Layer(name, series[name], colour) for name, colour in _PERCENTILES]
    return lines("seconds until pictures came", layers, _span(series), top, "{:,.3g} s") + _legend(layers)


def _money(series: Result, top: float) -> str:
    layers = [
        Layer("cost of the answers", series["cost_usd"], "c2"),
        Layer("at risk: may have been billed for nothing", series["at_risk_usd"], "bad"),
    ]
    each = f"US dollars in each {lasting(series['width'])}"
    return stacked(each, layers, _span(series), top, "${:,.4g}") + _legend(layers)


def _failures(series: Result, top: float) -> str:
    layers = [Layer("failed", series["failures"], "bad"), Layer("rescued", series["rescued"], "good")]
    each = f"requests in each {lasting(series['width'])}"
    return stacked(each, layers, _span(series), top, "{:,.4g}") + _legend(layers)


def _left_alone(series: Result) -> str:
    rows = [
        (
            printable(name),
            [
                Layer("breaker open", series["open"][name], "bad"),
                Layer("asked to be left alone", series["throttled"][name], "c1"),
            ],
        )
        for name in series["open"]
    ]
    return stripes("when targets were left alone", rows, _span(series)) + _legend(rows[0][1])


def _legend(layers: Sequence[Layer]) -> str:
    items = (f'<li><i class="{layer.colour}"></i>{escape(layer.name)}</li>' for layer in layers)
    return f'<ul class="legend">{"".join(items)}</ul>'


def _targets(result: Result) -> Iterator[str]:
    yield f"<h2>Targets of {escape(name_of(result['config']))}</h2>"
    head = "".join(f"<th>{title}</th>" for title in ("target", *(title for title, _ in TARGET)))
    rows = "".join(_target(name, target) for name, target in result["targets"].items())
    yield f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'
    yield f"<p>Failures: {escape(causes(result['failures']))}.</p>"
    yield from (f"<p>{escape(note)}</p>" for note in notes(result))


def _target(name: str, target: Result) -> str:
    cells = (printable(name), *(told(target) for _, told in TARGET))
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _explained() -> Iterator[str]:
    yield (
        '<p class="soft">Waits are of requests that got their pictures. Rescued ones got them although an attempt '
        "failed. Money at risk is what failed attempts may have cost that a provider may have billed. Bars show the "
        "requests that came in each stretch of time.</p>"
    )
