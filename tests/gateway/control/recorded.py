"""The log and the charts with the door left out: each request says whose it is."""

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from starlette.applications import Starlette

from gateway.http.control.analytics import analytics_routes
from gateway.http.control.logs import log_routes
from gateway.http.control.operator import OPERATOR, Operator

ADMIN = Operator("admin")
SCOPES = frozenset({"logs.list", "logs.view", "logs.write", "logs.export", "analytics.view"})
RED = Operator("red-key", "red", SCOPES)
BLUE = Operator("blue-key", "blue", SCOPES)
LINK_KEY = b"a-key-for-links-that-is-not-real"


@dataclass
class RecordPlane:
    database: object
    link_key: bytes = LINK_KEY
    public_url: str = ""

    def keep_prompt(self, text):
        return text


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self):
        return json.loads(self.content)

    @property
    def error(self):
        return self.json["error"]


class Recorded:
    """Asks the routes, in this process."""

    def __init__(self, plane):
        self.plane = plane
        self.app = Starlette(routes=[*log_routes(plane), *analytics_routes(plane)])

    async def ask(self, method, path, body=None, *, by=ADMIN, query=None, raw=None, headers=None):
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json", "host": "gateway.example", **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": (query if isinstance(query, str) else urlencode(query or {})).encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            OPERATOR: by,
        }
        messages = [{"type": "http.request", "body": content, "more_body": False}]
        out = []

        async def receive():
            return messages.pop(0) if messages else await asyncio.Future()  # whoever asked stays for the answer

        async def send(message):
            out.append(message)

        await self.app(scope, receive, send)
        found = {name.decode(): value.decode() for name, value in out[0]["headers"]}
        return Answer(out[0]["status"], found, b"".join(message.get("body", b"") for message in out[1:]))

    async def follow(self, url):
        """Return what a link leads to, without any key."""
        parts = urlsplit(url)
        return await self.ask("GET", parts.path, query=parts.query, by=None)
