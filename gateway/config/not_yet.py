"""What the grammar knows by name but this version does not do: refused with advice, never accepted and ignored.

A version that starts doing one of these deletes its row and adds the key to the schema.
"""

from gateway.config.suggest import did_you_mean, printable

_GUARDRAILS = "guardrails are not part of this version yet; remove `{}` and check prompts before they are sent here"
_HOOKS = "hooks are not part of this version yet; remove `{}`"

NOT_YET = {
    "is_open": "the gateway itself finds out whether a target is well; remove `{}`, and say when by `cb_config`",
    "usage_limits": "limits belong to virtual keys, API keys and `budgets`; remove `{}`",
    "rate_limits": "limits belong to virtual keys, API keys and `budgets`; remove `{}`",
    "input_guardrails": _GUARDRAILS,
    "output_guardrails": _GUARDRAILS,
    "default_input_guardrails": _GUARDRAILS,
    "default_output_guardrails": _GUARDRAILS,
    "before_request_hooks": _HOOKS,
    "after_request_hooks": _HOOKS,
    "input_mutators": _HOOKS,
    "output_mutators": _HOOKS,
    "prompt_id": "stored prompts are not part of this version; remove `{}` and send `prompt`",
}
"""Key → what to do; `{}` is the key as it was written."""

NOT_YET_VALUES = {
    ("mode", "semantic"): "is not available; use `mode: simple`, which answers the very same request from the cache",
}
"""(key, value) → what the value is told."""

ALIASES = {"stability": "stability-ai"}
"""Other names of providers, as their users write them."""


def advice_for_key(key: str, written: str) -> str | None:
    """Return what to say about a key that has no effect in this version, if it is one."""
    if key in NOT_YET:
        return f"`{printable(written)}` has no effect: {NOT_YET[key].format(printable(written))}."
    return None


def advice_for_provider(slug: str, available: list[str]) -> str:
    """Return what to say about a provider that cannot be used."""
    guess = did_you_mean(slug, (*available, *ALIASES))
    known = f" Providers are {', '.join(available)}." if guess == "." else ""
    return f"Unknown provider `{printable(slug)}`{guess}{known}"
