"""Whatever a config says, and however it is written: a spec, or what is wrong with it, in no time."""

import json

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.compile import compile_config
from gateway.config.conditions import compile_query
from gateway.config.document import Document
from gateway.config.gateway_file import read_gateway_file
from gateway.config.inline import read_inline
from gateway.config.load import load
from gateway.config.operators import OPERATORS
from gateway.config.parse import parse, parse_settings
from gateway.config.reading import Reading
from gateway.config.spec import ConfigSpec
from gateway.errors import InvalidConfig
from gateway.images import ImageRequest
from gateway.wire import MissingField
from schemas import load as schema
from tests.config.bad_configs import MEANING, SHAPE, VIRTUAL_KEYS
from tests.config.good_configs import PORTKEY
from tests.fuzz.bending import JSON, SCALARS, attempted, bent, in_time, spliced
from tests.fuzz.lengths import tries
from tests.running import ROOT

FILES = {file.name: file.read_text() for file in sorted((ROOT / "examples" / "configs").iterdir())}
GATEWAY = FILES.pop("gateway.yaml")
WRITTEN = [yaml.safe_load(text) for text in FILES.values()]
DOCUMENTS = [*WRITTEN, *PORTKEY, *schema("gateway_config")["examples"], *(row[1] for row in (*SHAPE, *MEANING))]
DOCUMENTS = [document for document in DOCUMENTS if isinstance(document, dict)]
KEYS = sorted(schema("gateway_config")["properties"])
TOKENS = st.sampled_from(
    [
        *(
            "\n",
            "  ",
            "\t",
            ": ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            '"',
            "'",
            "#",
            "&a ",
            "*a",
            "<<: ",
            "!!str ",
            "---\n",
            "...\n",
        ),
        *(
            "| \n",
            "> \n",
            "? ",
            "${X}",
            "${file:/etc/hostname}",
            "0x1f",
            "1e999",
            ".nan",
            "on",
            "~",
            "12:30:45",
            "\ufeff",
        ),
        *("\x00", "\u2028", "\U0001f600", "\\u0000", "\r", "a" * 300, "[" * 40, "{a: " * 40, "- " * 40, "1" * 5000),
        *(f"{key}: " for key in KEYS),
    ]
) | st.text(max_size=4)


def judged(document):
    """Return the spec of a document, or `None` where it is refused with all that is wrong."""
    spec, refused = attempted(lambda: parse(document, virtual_keys=VIRTUAL_KEYS), InvalidConfig)
    if refused is not None:
        assert refused.problems
        assert all(problem.message and problem.path.startswith("$") for problem in refused.problems)
    assert refused or isinstance(spec, ConfigSpec)
    return spec


def settled(document):
    _, refused = attempted(lambda: parse_settings(document), InvalidConfig)
    assert refused is None or refused.problems


def compiled(spec):
    route, _ = attempted(lambda: compile_config(spec, lambda target, checks: None), MissingField)
    assert route is None or route.targets


def loaded(text, name):
    """Return the document of a file, or `None` where it cannot be read."""
    document, refused = attempted(lambda: load(text, name), InvalidConfig)
    assert refused is None or refused.problems
    return document


@tries(500, 40_000)
@given(data=bent(DOCUMENTS, KEYS) | JSON)
def test_any_document_is_a_spec_or_refused(data):
    spec = in_time(lambda: judged(Document(data=data)))
    in_time(lambda: settled(Document(data=data)))
    if spec is not None:
        in_time(lambda: compiled(spec))


@tries(200, 10_000)
@given(text=bent(DOCUMENTS, KEYS).map(json.dumps).flatmap(lambda text: spliced([text], TOKENS)) | st.text(max_size=40))
def test_any_header_is_a_config_an_id_or_refused(text):
    document, refused = in_time(lambda: attempted(lambda: read_inline(text), InvalidConfig))
    assert refused is None or refused.problems
    if document is not None:
        in_time(lambda: judged(document))


@tries(250, 15_000)
@given(text=spliced(list(FILES.values()), TOKENS), name=st.sampled_from(["a.yaml", "a.json"]))
@example(text="{", name="a.json")
def test_any_file_is_a_spec_or_refused(text, name):
    document = in_time(lambda: loaded(text, name))
    if document is not None:
        in_time(lambda: judged(document))
        in_time(lambda: settled(document))


@tries(150, 5_000)
@given(data=st.binary(max_size=200) | spliced(list(FILES.values()), TOKENS).map(lambda text: text.encode("utf-16")))
def test_any_bytes_are_a_document_or_refused(data):
    in_time(lambda: loaded(data, "a.yaml"))


@tries(200, 10_000)
@given(text=spliced([GATEWAY], TOKENS))
def test_any_gateway_file_is_read_or_refused(text):
    document = in_time(lambda: loaded(text, "gateway.yaml"))
    if document is not None:
        _, refused = in_time(lambda: attempted(lambda: read_gateway_file(document), InvalidConfig))
        assert refused is None or refused.problems


PATTERNS = st.text("ab01^$.*+?{}()[]|\\-,:=!<>Pwds\u00e9\u0130", max_size=24) | st.sampled_from(
    [
        "(a+)+$",
        "(?=a)",
        r"(a)\1",
        "(?P<a>x)(?P=a)",
        "a{1000}",
        "((a{100}){100}){100}",
        "[[:alpha:]]",
        r"\p{Greek}",
        "(?i)K",
    ]
)
FIELDS = st.sampled_from(["metadata.plan", "params.prompt", "params.a.b", "headers.X-Y", "url.pathname", "params.n"])
TESTS = st.dictionaries(
    st.sampled_from([*OPERATORS, "$not", "$and", "$"]), PATTERNS | SCALARS | st.lists(SCALARS, max_size=3), max_size=3
)
QUERIES = st.recursive(
    st.dictionaries(FIELDS, TESTS | SCALARS | PATTERNS.map(lambda pattern: {"$regex": pattern}), max_size=3),
    lambda inner: (
        st.dictionaries(st.sampled_from(["$and", "$or"]), st.lists(inner, max_size=3), max_size=2)
        | st.dictionaries(st.sampled_from(["$not", "metadata.plan"]), inner | JSON, max_size=2)
    ),
    max_leaves=5,
)


@tries(400, 20_000)
@given(query=QUERIES, plan=st.text(max_size=9), prompt=JSON, header=st.sampled_from(["a", "a" * 8000, "5", "true"]))
def test_any_query_holds_or_not_or_is_refused(query, plan, prompt, header):
    reading = Reading(Document(data={}))
    holds = in_time(lambda: compile_query(query, ("query",), reading))
    request = ImageRequest(
        params={"prompt": prompt, "n": 3, "a": {"b": header}},
        path="/v1/images/generations",
        metadata={"plan": plan},
        headers={"x-y": header},
    )
    assert in_time(lambda: holds(request)) in (True, False)
