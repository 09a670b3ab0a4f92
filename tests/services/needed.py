"""What tests need beside Python: where it is missing they are skipped and say why, except in CI, where they fail."""

import os

import pytest


def needs(name, there):
    """Go no further without a program or package, neither in a test nor in a fixture nor while a module is read."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{name} has to be installed in CI", pytrace=False)
    pytest.skip(f"{name} is not installed", allow_module_level=True)
