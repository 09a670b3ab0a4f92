"""Hosts beside the base URL's that may see a credential: the base URL's own is known without being listed."""

from urllib.parse import urlsplit

import pytest

from gateway.providers import PROVIDERS
from gateway.wire import Target


@pytest.mark.parametrize("slug", [slug for slug, adapter in PROVIDERS.items() if adapter.own_hosts])
def test_the_host_of_the_base_url_is_not_listed_again(slug):
    adapter = PROVIDERS[slug]
    assert urlsplit(adapter.base_url(Target(provider=slug))).hostname not in adapter.own_hosts
