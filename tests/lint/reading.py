"""Configs as the lints are given them: read from text, beside the gateway file of the examples."""

import datetime as dt
import re
from dataclasses import replace

from gateway.catalogue import BUILT_IN
from gateway.config.document import Document
from gateway.config.folder import read
from gateway.config.interpolate import interpolate
from gateway.config.load import load
from gateway.config.parse import parse
from gateway.lint import Linted, lint
from tests.documents import ROOT

EXAMPLES = ROOT / "examples" / "configs"
TODAY = dt.date(2026, 11, 21)
"""A day between the retirement of some models and that of others."""

_KEYS = dict.fromkeys(re.findall(r"\$\{(\w+)\}", (EXAMPLES / "gateway.yaml").read_text()), "a-key-that-is-not-real")
SNAPSHOT = read(EXAMPLES, _KEYS)


def linted(text, *, file="config.yaml", today=TODAY, catalogue=BUILT_IN, virtual_keys=None):
    """Return a config of a file."""
    document = load(text, file)
    keys = SNAPSHOT.gateway.virtual_keys if virtual_keys is None else virtual_keys
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "a-key-that-is-not-real")
    spec = parse(interpolate(document, environ, lambda _: "a-key-that-is-not-real"), virtual_keys=keys)
    return Linted(spec=spec, document=document, text=text, catalogue=catalogue, virtual_keys=keys, today=today)


def stored(data, **given):
    """Return a config that was stored by API."""
    document = Document(data=data)
    keys = SNAPSHOT.gateway.virtual_keys
    spec = parse(document, virtual_keys=keys)
    config = Linted(spec=spec, document=document, catalogue=BUILT_IN, virtual_keys=keys, today=TODAY)
    return replace(config, **given)


def found(text, **given):
    """Return (rule, line) of everything that is found in a file."""
    return [(problem.code, problem.line) for problem in lint(linted(text, **given))]


def said(text, rule, **given):
    """Return what one rule says."""
    return [problem.message for problem in lint(linted(text, **given)) if problem.code == rule]
