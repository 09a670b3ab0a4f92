"""A gateway without a server: its application, asked in this process."""

import asyncio
import contextlib
import json

from prometheus_client.parser import text_string_to_metric_families

from gateway.app import build
from gateway.config.watch import LiveConfigs, NoConfigs
from gateway.settings import Settings

PATH = "/v1/images/generations"
ASKED = {"model": "sandbox", "prompt": "an otter", "size": "64x64"}


def sandbox(**plays):
    return {"provider": "sandbox", "override_params": {"sandbox": plays}, "retry": {"attempts": 0}}


RESCUED = {"strategy": {"mode": "fallback"}, "targets": [sandbox(status=503), sandbox()]}


class Asked:
    """One application."""

    def __init__(self, app, gateway):
        self.app = app
        self.gateway = gateway

    async def get(self, path, **headers):
        status, lines, body = await self._ask("GET", path, b"", headers)
        return status, lines, body

    async def paint(self, config=None, headers=(), **asked):
        lines = {"content-type": "application/json", **dict(headers)}
        if config is not None:
            lines["x-portkey-config"] = config if isinstance(config, str) else json.dumps(config)
        return await self._ask("POST", PATH, json.dumps({**ASKED, **asked}).encode(), lines)

    async def metrics(self):
        """Return what a scrape says: {(name, labels): value}."""
        status, _, body = await self.get("/metrics")
        assert status == 200
        return read(body.decode())

    async def _ask(self, method, path, body, headers):
        messages, answers = [{"type": "http.request", "body": body, "more_body": False}], []
        lines = {"host": "here", "content-length": str(len(body)), **headers}

        async def receive():
            return messages.pop() if messages else await asyncio.Future()  # the client stays

        async def send(message):
            answers.append(message)

        scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode()}
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in lines.items()]
        await self.app({**scope, "query_string": b"", "headers": pairs, "scheme": "http"}, receive, send)
        told = {name.decode(): value.decode() for name, value in answers[0]["headers"]}
        return answers[0]["status"], told, b"".join(each.get("body", b"") for each in answers)


@contextlib.asynccontextmanager
async def open_gateway(folder, configs=None, **settings):
    """Open one with these files, where there are any: {name: text}."""
    live = NoConfigs()
    if configs is not None:
        place = folder / "configs"
        place.mkdir()
        for name, text in configs.items():
            (place / name).write_text(text)
        live = LiveConfigs(place, {})
    app, gateway = build(Settings(**{"data": str(folder / "data"), **settings}), live)
    async with gateway.lifespan(None):
        yield Asked(app, gateway)


def read(text):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples, name, **labels):
    """Return the sum of the samples of a name that have these labels."""
    wanted = set(labels.items())
    return sum(value for (called, has), value in samples.items() if called == name and wanted <= set(has))
