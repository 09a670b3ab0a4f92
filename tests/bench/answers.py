"""Reads HTTP answers off a connection without keeping them: status, length, and whether they are complete."""


class Answer:
    """One answer, fed as it comes; `feed` is true once it is complete."""

    __slots__ = ("_chunked", "_head", "_last", "_left", "_line", "closes", "length", "status")

    def __init__(self):
        self.status = 0
        self.length = 0
        self.closes = False
        self._head = b""
        self._left = 0
        self._line = b""
        self._chunked = self._last = False

    def feed(self, data):
        if not self.status:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return False
            self._read_head(self._head[: end + 2].lower())
            data = self._head[end + 4 :]
        if self._chunked:
            return self._feed_chunks(data)
        self._left -= len(data)
        return self._left <= 0

    def _read_head(self, head):
        self.status = int(head[9:12])
        self.closes = b"\r\nconnection: close\r\n" in head
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            self._left = self.length = int(head[at + 17 : head.find(b"\r\n", at + 17)])
        elif b"\r\ntransfer-encoding: chunked\r\n" in head:
            self._chunked = True
        else:
            raise ValueError(f"an answer without a length: {head!r}")

    def _feed_chunks(self, data):
        at = 0
        while at < len(data):
            if self._left:
                taken = min(self._left, len(data) - at)
                self._left -= taken
                at += taken
                if self._last and not self._left:
                    return True
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._line += data[at:]
                return False
            size = int((self._line + data[at:end]).split(b";")[0], 16)
            self._line = b""
            self.length += size
            self._last = not size
            self._left = size + 2
            at = end + 1
        return False
