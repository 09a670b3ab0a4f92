"""Pictures in a bucket of S3, or of whatever speaks its protocol, which any number of gateways may share."""

import contextlib
import hashlib
import math
import tempfile
from collections.abc import Generator, Iterable, Iterator
from datetime import timedelta
from typing import IO, Any
from urllib.parse import parse_qsl, urlsplit

from gateway.delivery.store import NAME, Kept

_IN_MEMORY = 1 << 22
_SLICE = 1 << 20
_TAKEN = ("endpoint", "region", "virtual_hosted_style")
_FORM = "s3://BUCKET/PREFIX?endpoint=https://…&region=…"
# That a bucket cannot be reached is said while the caller still waits, and holds up no thread for minutes.
_PATIENCE: Any = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=30)}
_REPEATS: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}


class BucketStore:
    """Keeps pictures under their hashes; how long, is for the bucket's own lifecycle rules to say."""

    keep_seconds = math.inf

    def __init__(self, address: str) -> None:
        """Use `s3://bucket/prefix?endpoint=…&region=…`; credentials come from the usual AWS_… variables."""
        try:
            import obstore  # noqa: PLC0415 - an extra
            from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra
            from obstore.store import S3Store  # noqa: PLC0415
        except ImportError:
            raise OSError(
                "a bucket needs the client that comes with the extra: pip install 'beamsplitter[s3]'"
            ) from None
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query))
        strange = sorted(options.keys() - set(_TAKEN))
        if parts.scheme != "s3" or not parts.netloc or strange:
            raise OSError(f"picture_store takes a folder, or {_FORM}" + (f", not {strange[0]}" if strange else ""))
        endpoint = options.get("endpoint")
        config: dict[str, Any] = {"region": options.get("region", "us-east-1")}
        if endpoint is not None:
            config["endpoint"] = endpoint
        if options.get("virtual_hosted_style") == "true":
            config["virtual_hosted_style_request"] = True
        self._client = obstore
        self._fault: type[Exception] = BaseError
        reaching: Any = {"allow_http": endpoint is not None and endpoint.startswith("http://"), **_PATIENCE}
        self._bucket = S3Store(
            parts.netloc,
            prefix=parts.path.strip("/") or None,
            client_options=reaching,
            retry_config=_REPEATS,
            **config,
        )

    def put(self, chunks: Iterable[bytes], extension: str) -> str:
        """Keep a picture, unless it is there already; an upload becomes visible as a whole or not at all."""
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as aside:
            digest = hashlib.sha256()
            for chunk in chunks:
                digest.update(chunk)
                aside.write(chunk)
            name = f"{digest.hexdigest()}.{extension}"
            aside.seek(0)
            self._upload(name, aside)
        return name

    def get(self, name: str) -> Kept | None:
        """Return a picture, if it is there."""
        if NAME.fullmatch(name) is None:
            return None
        try:
            with self._told():
                found = self._client.get(self._bucket, name)
        except FileNotFoundError:
            return None
        return Kept(found.meta["size"], _chunks(found.stream(min_chunk_size=_SLICE)))

    def sweep(self) -> None:
        """Leave the bucket to its own rules."""

    def _upload(self, name: str, file: IO[bytes]) -> None:
        with self._told():
            with contextlib.suppress(FileNotFoundError):
                self._client.head(self._bucket, name)
                return
            self._client.put(self._bucket, name, file)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Say what the client could not do in the one way that callers know."""
        try:
            yield
        except self._fault as error:
            raise OSError(f"the bucket cannot be used: {type(error).__name__}") from error


def _chunks(stream: Iterable[Any]) -> Generator[bytes, None, None]:
    for chunk in stream:
        yield bytes(chunk)
