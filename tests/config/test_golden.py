"""Whole configs and what they mean, printed: run with UPDATE_GOLDEN=1 to write the prints anew, then read them."""

import json
import os
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path

import pytest

from gateway.config.document import Document
from gateway.config.parse import parse
from tests.config.bad_configs import VIRTUAL_KEYS

CONFIGS = sorted((Path(__file__).parent / "golden").glob("*.json"))


def printed(value, indent=""):
    """Print a spec, one field a line, leaving out what is at its default."""
    deeper = indent + "  "
    if is_dataclass(value) and not isinstance(value, Callable):
        lines = [type(value).__name__]
        for field in fields(value):
            held = getattr(value, field.name)
            default = field.default_factory() if field.default_factory is not MISSING else field.default
            if held != default and not isinstance(held, Callable):
                lines.append(f"{deeper}{field.name}: {printed(held, deeper)}")
        return "\n".join(lines)
    if isinstance(value, tuple) and any(map(is_dataclass, value)):
        return "".join(f"\n{deeper}- {printed(item, deeper)}" for item in value)
    if isinstance(value, frozenset):
        return repr(sorted(value))
    return repr(value)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.stem)
def test_a_config_means_what_its_print_says(config):
    document = Document(data=json.loads(config.read_text()), file=config.name)
    text = printed(parse(document, virtual_keys=VIRTUAL_KEYS)) + "\n"
    print_file = config.with_suffix(".txt")
    if "UPDATE_GOLDEN" in os.environ:
        print_file.write_text(text)
    assert text == print_file.read_text()
