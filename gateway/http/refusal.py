"""Answers given before anybody asks who is calling: the error envelope, after which the connection ends."""

from http import HTTPStatus

from gateway.http.envelope import envelope


def refusal(status: int, code: str, message: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Return the headers and the body of an error answer that closes its connection."""
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    body = envelope(message, type_=kind, code=code)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        # Whatever follows an unread body is not a request, so nothing more is read from this client.
        (b"connection", b"close"),
    ]
    return headers, body
