"""Whose budgets a request is paid from: those of the same name in two workspaces are two."""

from gateway.choose.payers import payers_of
from gateway.config.api_key import ApiKey
from gateway.config.budgets import Budget
from gateway.ledger import UsageLimit

LIMIT = UsageLimit(images=1)


def paid_by(budget, *callers, user="ada"):
    names = [[account.name for account in payers_of(caller, {"_user": user}, [budget])] for caller in callers]
    return [name for [name] in names]


def test_a_user_of_one_workspace_is_not_that_of_another():
    budget = Budget(name="each", per="metadata._user", usage=LIMIT)
    red, blue, odd = (ApiKey(name="app", workspace=name) for name in ("red", "blue", "a/b"))
    names = [*paid_by(budget, red, blue, None), *paid_by(budget, ApiKey(name="app"), user="red/ada")]
    names += [*paid_by(budget, odd, user="c"), *paid_by(budget, ApiKey(name="app", workspace="a"), user="b/c")]
    assert len(set(names)) == len(names)


def test_a_key_of_one_workspace_is_not_that_of_another():
    budget = Budget(name="each", per="api_key", usage=LIMIT)
    keys = [ApiKey(name="app", id=id_, workspace=id_) for id_ in ("one", "two")]
    assert len(set(paid_by(budget, *keys, ApiKey(name="app")))) == 3


def test_whom_a_budget_is_for_is_said_by_names_as_people_know_them():
    budget = Budget(name="each", per="api_key", only="ap?", usage=LIMIT)
    assert paid_by(budget, ApiKey(name="app", id="9f3a")) == ["budget:each:9f3a"]
    assert payers_of(ApiKey(name="other", id="app"), {}, [budget]) == ()
