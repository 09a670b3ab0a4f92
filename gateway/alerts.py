"""Tells an operator's webhook that an account came to its alert_threshold."""

import asyncio
import hashlib
import hmac
import logging
import time
import uuid

import aiohttp
import orjson

from gateway.ledger import MICROS, Crossing

SIGNATURE = "x-beamsplitter-signature"

_log = logging.getLogger("gateway.alerts")

_SECONDS = 10.0
_PAUSES = (1.0, 5.0, 30.0)
"""Between tries; what then has not been taken is in the log alone."""


class Alerts:
    """News of accounts, sent to one address, each signed so that its taker knows where it comes from."""

    def __init__(self, address: str, secret: str) -> None:
        """Send there; without an address there is only the log."""
        self._address = address
        self._secret = secret.encode()

    async def tell(self, crossing: Crossing) -> None:
        """Tell of one crossing; what goes wrong is the log's."""
        spent = crossing.micros / MICROS
        words = "%s has spent %.2f USD in %s, and its alert_threshold is reached"
        _log.warning(words, crossing.account.words, spent, crossing.window)
        if not self._address:
            return
        body = orjson.dumps(_news(crossing))
        for pause in (*_PAUSES, None):
            fault = await self._sent(body)
            if fault is None:
                return
            if pause is None:
                _log.error("alert_webhook did not take the news: %s", fault)
                return
            await asyncio.sleep(pause)

    async def _sent(self, body: bytes) -> str | None:
        """Return what went wrong."""
        now = int(time.time())  # noqa: TID251 - whoever checks the signature goes by the world's clock
        headers = {"content-type": "application/json"}
        if self._secret:
            headers[SIGNATURE] = f"t={now},v1={signature(self._secret, now, body)}"
        try:
            timeout = aiohttp.ClientTimeout(total=_SECONDS)
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.post(self._address, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                return None if answer.ok else f"it answered {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return str(error) or type(error).__name__


def signature(secret: bytes, seconds: int, body: bytes) -> str:
    """Return what proves that a body is ours, and of that time."""
    return hmac.new(secret, b"%d." % seconds + body, hashlib.sha256).hexdigest()


def _news(crossing: Crossing) -> dict[str, object]:
    limit = crossing.account.limit
    assert limit is not None  # it was crossed  # noqa: S101
    return {
        "id": uuid.uuid4().hex,
        "type": "budget.alert_threshold_reached",
        "account": crossing.account.name,
        "description": crossing.account.words,
        "period": crossing.window,
        "spent_usd": crossing.micros / MICROS,
        "alert_threshold": None if limit.alert_micros is None else limit.alert_micros / MICROS,
        "credit_limit": None if limit.credit_micros is None else limit.credit_micros / MICROS,
        "periodic_reset": limit.reset,
    }
