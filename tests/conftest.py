"""What all tests share: hypothesis finds the same cases in every run, so that a failure is never a matter of luck."""

import logging

import pytest
from hypothesis import settings

from gateway.seldom import Seldom

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _each_test_hears_all():
    """Take off what a test put onto the log that makes it silent about what was said before."""
    yield
    for handler in logging.getLogger().handlers:
        for each in [each for each in handler.filters if isinstance(each, Seldom)]:
            handler.removeFilter(each)
