"""What docs/simulate.md shows can be used, and the examples do what they are for."""

from gateway.config.load import load
from gateway.rehearsal import ANSWERS
from gateway.simulate import names_of, read_faults, read_written
from gateway.simulate.latency import USUAL
from tests.documents import ROOT, blocks
from tests.simulate.acting import fallback, openai, result_of, spec_of

PAGE = ROOT / "docs" / "simulate.md"
SHOWN = {block.about: block.text for block in blocks(PAGE) if block.tag == "shown"}


def test_what_is_shown_can_be_used():
    traffic = read_written(load(SHOWN["traffic"], "traffic.yaml"))
    spec = spec_of(fallback(openai("openai"), openai("azure")))
    faults = read_faults(load(SHOWN["faults"], "faults.yaml"), names_of(spec))
    assert faults.targets.keys() == {"openai", "azure"}
    assert [kind.operation for kind in traffic.mix] == ["generate", "edit"]


def test_every_answer_is_named():
    text = PAGE.read_text()
    assert [answer for answer in ANSWERS if f"`{answer}`" not in text] == []
    assert f"`p50` {USUAL.low:g} s, `p95` {USUAL.high:g} s" in text


def test_every_name_of_a_result_is_explained():
    result = result_of(openai("a"), requests=5)
    text = PAGE.read_text()
    about = {"config", "requests", "seed", "seconds", "cache"}  # say what they are
    assert [name for name in result if name not in about and f"`{name}`" not in text] == []
