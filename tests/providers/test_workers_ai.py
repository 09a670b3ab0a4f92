"""Workers AI: the account is a part of the path, and must stay one."""

import pytest

from gateway.providers import PROVIDERS
from gateway.wire import MissingField, Target


@pytest.mark.parametrize("account", ["", "a/b", "..", "a?b", "a#b", "a b", "a\n", "a%2fb", "ä", "a" * 65, 5, None])
def test_an_account_that_could_lead_elsewhere_is_refused(account):
    target = Target(provider="workers-ai", options={"workers_ai_account_id": account})
    with pytest.raises(MissingField, match="`workers_ai_account_id`"):
        PROVIDERS["workers-ai"].base_url(target)


def test_an_account_is_needed():
    with pytest.raises(MissingField, match="letters, digits"):
        PROVIDERS["workers-ai"].base_url(Target(provider="workers-ai"))
