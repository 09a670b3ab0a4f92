"""Who pays for a request, beside the target that it goes to."""

from collections.abc import Mapping, Sequence

from gateway.config.api_key import ApiKey
from gateway.config.budgets import METADATA, Budget
from gateway.ledger import Account


def payers_of(caller: ApiKey | None, metadata: Mapping[str, str], budgets: Sequence[Budget]) -> tuple[Account, ...]:
    """Return the accounts of a request: its key's, and those of budgets for each key or each user."""
    found = [] if caller is None or caller.account is None else [caller.account]
    for budget in budgets:
        if budget.by_target:
            continue
        if budget.per.startswith(METADATA):
            value = metadata.get(budget.per.removeprefix(METADATA))
            account = budget.account_of(value, None if caller is None else f"{caller.shelf}{value}")
        else:
            account = None if caller is None else budget.account_of(caller.name, caller.known_as)
        if account is not None:
            found.append(account)
    return tuple(found)
