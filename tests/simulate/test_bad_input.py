"""Traffic and faults that cannot be used: one sentence, with the place where that is so."""

import pytest

from gateway.simulate import Unusable, faults_in, traffic_in
from gateway.simulate.asked import answered
from tests.simulate.acting import openai

NAMES = {"primary", "backup", "config.targets[0]", "config.targets[1]"}
MIX = "mix: [{request: {prompt: otter}}]\n"

TRAFFIC = {
    "empty": ("", "1:1: the file is empty; write a `rate`"),
    "no object": ("- 1\n", "1:1: $: "),
    "no YAML": ("rate: [1\n", "not valid YAML"),
    "twice the same key": (f"rate: 1\nrate: 2\n{MIX}", "2:1: $.rate: `rate` is already given on line 1"),
    "nothing to send": ("rate: 1\n", "$: This file needs `mix`."),
    "no rate": (MIX, "$: This file needs `rate`."),
    "an unknown key": (f"rate: 1\nraet: 2\n{MIX}", "2:1: $.raet: Unknown key `raet`; did you mean `rate`?"),
    "a rate of 0": (f"rate: 0\n{MIX}", "1:1: $.rate: With a `rate` of 0 no request would ever come"),
    "a negative rate": (f"rate: -1\n{MIX}", "must be a number from 0 to 100,000, not -1."),
    "a rate that is no number": (f"rate: fast\n{MIX}", "not `fast`."),
    "a rate without an end": (f"rate: .inf\n{MIX}", "1:"),
    "a rate in quotes": (f"rate: '3'\n{MIX}", "must be a number"),
    "a rate that is true": (f"rate: true\n{MIX}", "not true."),
    "no stretch": (f"rate: []\n{MIX}", "1 to 1000 entries"),
    "stretches in disorder": (
        f"rate: [{{from_s: 5, rate: 1}}, {{from_s: 5, rate: 2}}]\n{MIX}",
        "1:31: $.rate[1].from_s: Each `from_s` must be later",
    ),
    "a last stretch without requests": (
        f"rate: [{{from_s: 0, rate: 1}}, {{from_s: 5, rate: 0}}]\n{MIX}",
        "After the last `from_s` no request would ever come",
    ),
    "an empty mix": ("rate: 1\nmix: []\n", "must be a list of 1 to 1000 kinds"),
    "a mix without shares": ("rate: 1\nmix: [{share: 0, request: {}}]\n", "Every `share` is 0"),
    "a kind without a request": ("rate: 1\nmix: [{share: 1}]\n", "$.mix[0]: Each entry of `mix` needs `request`."),
    "a request that is text": ("rate: 1\nmix: [{request: otter}]\n", "must be the request's body"),
    "a request with a picture": ("rate: 1\nmix: [{request: {image: x}}]\n", "write `operation: edit`"),
    "metadata that is no text": ("rate: 1\nmix: [{request: {}, metadata: {plan: 1}}]\n", "put it in quotes"),
    "an unknown operation": ("rate: 1\nmix: [{request: {}, operation: edits}]\n", "did you mean `edit`?"),
    "a part of a request": ("rate: 1\nmix: [{request: {}, distinct: 2.5}]\n", "whole number of different requests"),
    "a deadline that is none": (
        "rate: 1\nmix: [{request: {}, headers: {X-Gateway-Deadline: soon}}]\n",
        "milliseconds from 1000 to 600000",
    ),
    "unknown arrivals": (f"rate: 1\narrivals: random\n{MIX}", "must be `poisson` or `even`, not `random`"),
    "words that turn a terminal around": (
        f'rate: 1\n"\\e[31mred": 2\n{MIX}',
        "Unknown key `\N{REPLACEMENT CHARACTER}[31mred`",
    ),
}
FAULTS = {
    "no targets": ("{}\n", "$: This file needs `targets`."),
    "targets that are a list": ("targets: [1]\n", "must be an object"),
    "an unknown target": (
        "targets:\n  primray: {}\n",
        "2:3: $.targets.primray: No target is called `primray`; did you mean",
    ),
    "a strange target": ("targets: {zzz: {}}\n", "Its targets: `backup`, `config.targets[0]`"),
    "an unknown key": ("targets: {primary: {latency: 3}}\n", "did you mean `latency_ms`?"),
    "a negative latency": ("targets: {primary: {latency_ms: -1}}\n", "from 0 to 3,600,000"),
    "half of a distribution": ("targets: {primary: {latency_ms: {p50: 10}}}\n", "needs `p95`"),
    "a distribution upside down": (
        "targets: {primary: {latency_ms: {p50: 10, p95: 5}}}\n",
        "must not be less than `p50`",
    ),
    "a median of nothing": ("targets: {primary: {latency_ms: {p50: 0, p95: 5}}}\n", "`p50` must be more than 0"),
    "a ratio over 1": ("targets: {primary: {refusal_ratio: 2}}\n", "from 0 to 1, not 2"),
    "faults that are none": ("targets: {primary: {faults: 3}}\n", "must be a list"),
    "a fault that ends before it begins": (
        "targets: {primary: {faults: [{from_s: 9, to_s: 3, status: 500}]}}\n",
        "1:42: $.targets.primary.faults[0].to_s: `to_s` must be later than `from_s`.",
    ),
    "a fault that changes nothing": ("targets: {primary: {faults: [{from_s: 9}]}}\n", "changes nothing"),
    "a status that is none": (
        "targets: {primary: {faults: [{status: 999}]}}\n",
        "`999` is nothing that a provider answers",
    ),
    "an answer misspelt": ("targets: {primary: {faults: [{answer: time_out}]}}\n", "did you mean `timeout`?"),
    "two answers": (
        "targets: {primary: {faults: [{status: 500, answer: policy}]}}\n",
        "Keep one of `status` and `answer`",
    ),
}
LOGS = {
    "log.ndjson": {
        "empty": (b"\n\n", "log.ndjson: the log holds no request"),
        "no JSON": (b'{"created_at": "2026-03-01T00:00:00Z"}\n{oops\n', "log.ndjson:2:2: this line is not valid JSON"),
        "no object": (b"[1]\n", "log.ndjson:1:1: each line has to be an object"),
        "no time": (b'{"id": "x"}\n', "log.ndjson:1:1: `created_at` has to be a time such as"),
        "a time that is none": (b'{"created_at": "yesterday"}\n', "and this is `yesterday`"),
        "a number for a time": (b'{"created_at": 17}\n', "and this is 17"),
        "an unknown operation": (b'{"created_at": "2026-03-01T00:00:00Z", "operation": "dance"}\n', "not `dance`"),
        "metadata that is no object": (b'{"created_at": "2026-03-01T00:00:00Z", "metadata": "[1"}\n', "object in JSON"),
        "not UTF-8": (b'{"created_at": "\xff"}\n', "log.ndjson:1:"),
    },
    "log.csv": {
        "empty": (b"", "log.csv: the log holds no request"),
        "no time": (b"id,prompt\r\nx,y\r\n", "log.csv:2:1: `created_at` has to be a time"),
        "no CSV": (b'created_at\r\n"2026', "log.csv:2:1: this is not valid CSV"),
        "not UTF-8": (b"created_at\r\n\xff\r\n", "log.csv:2:1: the file is not UTF-8"),
        "an endless cell": (b"created_at\r\n" + b"x" * 200_000, "log.csv:2:1: this is not valid CSV: field larger"),
    },
}


def _refusal(read, path, content, *more):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Unusable) as refused:
        read(path, *more)
    said = str(refused.value)
    assert said.startswith(str(path.parent))
    assert "\n" not in said
    assert said.isprintable()
    return said


@pytest.mark.parametrize(("content", "words"), TRAFFIC.values(), ids=TRAFFIC)
def test_traffic(tmp_path, content, words):
    assert words in _refusal(traffic_in, tmp_path / "traffic.yaml", content)


@pytest.mark.parametrize(("content", "words"), FAULTS.values(), ids=FAULTS)
def test_faults(tmp_path, content, words):
    assert words in _refusal(faults_in, tmp_path / "faults.yaml", content, NAMES)


@pytest.mark.parametrize(
    ("name", "content", "words"), [(name, *case) for name, cases in LOGS.items() for case in cases.values()]
)
def test_logs(tmp_path, name, content, words):
    assert words in _refusal(traffic_in, tmp_path / name, content)


def test_files_that_are_not_there_or_of_another_kind(tmp_path):
    with pytest.raises(Unusable, match="cannot be read: No such file"):
        traffic_in(tmp_path / "none.yaml")
    (tmp_path / "folder.ndjson").mkdir()
    with pytest.raises(Unusable, match="cannot be read: Is a directory"):
        traffic_in(tmp_path / "folder.ndjson")
    with pytest.raises(Unusable, match=r"read from \.yaml and \.json"):
        traffic_in(tmp_path / "traffic.txt")
    with pytest.raises(Unusable, match=r"read from \.yaml and \.json"):
        faults_in(tmp_path / "faults.csv", NAMES)


def test_a_file_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "t.yaml").write_bytes(b"# " + b"x" * 300_000)
    with pytest.raises(Unusable, match="256 KiB"):
        traffic_in(tmp_path / "t.yaml")


CONFIG = openai("primary")
TRAFFIC_DOCUMENT = {"rate": 5, "mix": [{"request": {"prompt": "otter"}}]}
ASKED = {
    "nothing": (None, "must be an object with"),
    "no config": ({"traffic": TRAFFIC_DOCUMENT}, "needs `config`"),
    "a strange key": ({"config": CONFIG, "traffic": TRAFFIC_DOCUMENT, "request": 1}, "did you mean `requests`?"),
    "a config with a fault": (
        {"config": {**CONFIG, "retyr": 1}, "traffic": TRAFFIC_DOCUMENT},
        "config: $.retyr: Unknown key `retyr`; did you mean `retry`?",
    ),
    "an unknown virtual key": ({"config": {"virtual_key": "nobodys"}, "traffic": TRAFFIC_DOCUMENT}, "nobodys"),
    "a bad virtual key": (
        {"config": CONFIG, "traffic": TRAFFIC_DOCUMENT, "virtual_keys": {"x": {"provider": "nobody"}}},
        "virtual_keys: $.x.provider",
    ),
    "a bad model": ({"config": CONFIG, "traffic": TRAFFIC_DOCUMENT, "catalogue": [{"id": "x", "provider": "y"}]}, "y"),
    "no model": ({"config": CONFIG, "traffic": TRAFFIC_DOCUMENT, "catalogue": [3]}, "`catalogue` must be a list"),
    "a rate of nothing": ({"config": CONFIG, "traffic": {**TRAFFIC_DOCUMENT, "rate": 0}}, "$.rate: With a `rate` of 0"),
    "an empty log": ({"config": CONFIG, "traffic": []}, "the log holds no request"),
    "half a request": ({"config": CONFIG, "traffic": TRAFFIC_DOCUMENT, "requests": 1.5}, "`requests` must be a whole"),
    "no seed": ({"config": CONFIG, "traffic": TRAFFIC_DOCUMENT, "seed": "x"}, "`seed` must be a whole number"),
    "faults of nobody": (
        {"config": CONFIG, "traffic": TRAFFIC_DOCUMENT, "faults": {"targets": {"x": {}}}},
        "No target is called `x`. Its targets: `config` and `primary`.",
    ),
}


@pytest.mark.parametrize(("asked", "words"), ASKED.values(), ids=ASKED)
def test_what_the_console_asks(asked, words):
    with pytest.raises(Unusable) as refused:
        answered(asked)
    assert words in str(refused.value)
