"""Who works at the control plane, and what they may do there."""

from dataclasses import dataclass

from starlette.requests import Request

from gateway.errors import NotAllowed

OPERATOR = "gateway.operator"
"""Where the scope of a request to the control plane says whose it is; the door put it there."""

DEFAULT_WORKSPACE = "default"


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with the admin key, or with an API key that has scopes."""

    name: str
    """What is noted as `created_by`: the id or the name of the key, `admin` for the admin key."""
    workspace: str | None = None
    """`None`: all of them, as the admin key sees."""
    scopes: frozenset[str] | None = None
    """`None`: all of them."""
    is_limited: bool = False
    """Whether there is anything that its key may not reach, spend or outlive."""

    def check(self, scope: str) -> None:
        """Raise `NotAllowed` unless this may be done."""
        if self.scopes is not None and scope not in self.scopes:
            raise NotAllowed(f"This key has not the scope {scope}; whoever has the admin key can give it one that has.")

    def workspace_for(self, asked: str | None) -> str:
        """Return the workspace that something new goes to; a key writes to its own alone."""
        if self.workspace is None:
            return asked or DEFAULT_WORKSPACE
        if asked not in (None, self.workspace):
            raise NotAllowed(f"This key belongs to the workspace {self.workspace!r}; leave workspace_id out.")
        return self.workspace

    def sees(self, asked: str | None) -> str | None:
        """Return the workspace whose things are listed or found, `None` for all; never more than the key's own."""
        return asked if self.workspace is None else self.workspace


def operator_of(request: Request, scope: str) -> Operator:
    """Return who sent a request; raises `NotAllowed` unless they may do what it asks for."""
    operator: Operator = request.scope[OPERATOR]
    operator.check(scope)
    return operator
