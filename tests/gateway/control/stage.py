"""The control plane with the door left out: each request says whose it is."""

import json
import sqlite3
from dataclasses import dataclass, field
from urllib.parse import urlencode

from starlette.applications import Starlette

from gateway.catalogue import BUILT_IN
from gateway.cockpit.verdict import failed_tests
from gateway.config.document import Document
from gateway.config.scopes import SCOPES
from gateway.config.virtual_key import parse_virtual_key
from gateway.http.control.operator import OPERATOR, Operator
from gateway.http.control.plane import Plane
from gateway.http.control.routes import control_routes
from gateway.ledger import Spent

MASTER = b"a-master-key-of-32-bytes-notreal"
ADMIN = Operator("admin")
RED = Operator("red-key", "red", SCOPES)
BLUE = Operator("blue-key", "blue", SCOPES)

DECLARED = {
    "declared-prod": parse_virtual_key(
        "declared-prod", Document(data={"provider": "openai", "api_key": "declared-not-real"}, file="gateway.yaml"), "$"
    )
}
SANDBOX = {"provider": "sandbox"}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def error(self):
        return self.json["error"]


@dataclass
class Stage:
    database: object
    vault: object
    file: object
    planes: bool = True
    changes: int = 0
    spent: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)

    def __post_init__(self):
        self.plane = Plane(
            database=self.database,
            vault=self.vault,
            visible=lambda workspace: DECLARED,
            declared_configs=lambda: {"declared"},
            declared_virtual_keys=lambda: DECLARED,
            trusts=lambda host: host == "trusted.example",
            rehearse=lambda spec: failed_tests(spec, BUILT_IN),
            changed=self._changed,
            spent=self._spent,
        )
        self.app = Starlette(routes=control_routes(lambda: self.plane if self.planes else None))
        self.app.router.redirect_slashes = False

    async def _changed(self):
        self.changes += 1

    async def _spent(self, accounts):
        self.asked.append(list(accounts))
        return [self.spent.get(account, Spent()) for account in accounts]

    async def ask(
        self, method, path, body=None, *, by=ADMIN, query=None, headers=None, raw=None, kind="application/json"
    ):
        """Return the answer to one request."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent = [(b"content-type", kind.encode())]
        sent += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": urlencode(query or {}).encode(),
            "headers": sent,
            OPERATOR: by,
        }
        messages = [{"type": "http.request", "body": content, "more_body": False}]
        out = []

        async def receive():
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message):
            out.append(message)

        await self.app(scope, receive, send)
        found = {name.decode(): value.decode() for name, value in out[0]["headers"]}
        text = b"".join(message.get("body", b"") for message in out[1:]).decode()
        return Answer(out[0]["status"], found, text)

    async def made(self, path, body, **more):
        """Return what an answer that has to be well holds."""
        answer = await self.ask("POST", path, body, **more)
        assert answer.status == 200, answer.text
        return answer.json

    def dump(self):
        """Return everything that is in the database, as text."""
        connection = sqlite3.connect(self.file)
        try:
            return "\n".join(connection.iterdump())
        finally:
            connection.close()
