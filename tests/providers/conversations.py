"""Recorded conversations as a server plays them: with real pictures, and its own address in the place of the hosts'."""

import base64
import io
import re
from dataclasses import dataclass, field

import msgspec
from PIL import Image

from tests.providers.test_cassettes import CASSETTES, Cassette

_HOST = re.compile(r"https?://([\w.-]+(?::\d+)?)")


def painted(number=1, size=(64, 64), format_="png"):
    """Return a real picture; each number has a colour of its own."""
    out = io.BytesIO()
    Image.new("RGB", size, (40 * number % 256, 90, 160)).save(out, format_.upper())
    return out.getvalue()


def uploads(asked):
    """Return the pictures that a conversation's request has, by the names that it gives them."""
    found = {}
    for number, drawn in enumerate(asked.images, 1):
        found[f"image {number}"] = painted(100 + number, tuple(map(int, drawn.size.split("x"))), drawn.format)
    if asked.mask is not None:
        size = tuple(map(int, asked.mask.size.split("x")))
        mask = Image.new("RGBA", size, (0, 0, 0, 255))
        mask.paste((0, 0, 0, 0), (8, 8, size[0] - 8, size[1] - 8))
        out = io.BytesIO()
        mask.save(out, "PNG")
        found["mask"] = out.getvalue()
    return found


def cassettes(slug, pattern="success*"):
    """Return the conversations of a provider, by name."""
    files = sorted((CASSETTES / slug).glob(f"{pattern}.json"))
    return {file.stem: msgspec.json.decode(file.read_bytes(), type=Cassette) for file in files}


@dataclass
class Played:
    """What a server has to know to play one conversation at a base address of its own."""

    cassette: Cassette
    base: str
    """The address that stands for the provider; other hosts are put below it."""
    pictures: dict[str, bytes] = field(default_factory=dict)
    """Path → the picture that is there."""

    def __post_init__(self):
        self.steps = [step for step in self.cassette.steps if step.send is not None]
        understood = self.cassette.outcome.success
        self._swapped = {}
        self.expected = []
        for number, picture in enumerate(understood.pictures if understood else (), 1):
            data = painted(number)
            if picture.b64 is not None:
                text = self._swapped.setdefault(picture.b64, base64.b64encode(data).decode())
                data = base64.b64decode(text)
            if picture.url is not None:
                data = self.pictures.setdefault(self.path(self.local(picture.url)), data)
            self.expected.append(data)
        self._bodies = {each.body: painted(number) for number, each in enumerate(understood.pictures, 1) if each.body}

    def local(self, text):
        """Return a text with this server's address in the place of every other host's."""
        first = _HOST.match(self.steps[0].send.url)

        def here(found):
            if found[1] in self.base or found[1] in self.elsewhere:
                return found[0]
            # What may not see the credential is another host: this one by its other name.
            return f"{self.base if found[1] == first[1] else self.elsewhere}/at/{found[1]}"

        return _HOST.sub(here, text)

    @property
    def elsewhere(self):
        """The address that stands for all hosts but the provider's."""
        return self.base.replace("127.0.0.1", "localhost")

    def path(self, address):
        """Return where an address of this server leads."""
        return address.removeprefix(self.base).removeprefix(self.elsewhere)

    def echo(self, given, wanted):
        """Have answers repeat what was sent by chance, where the conversation repeats what it was sent."""
        if isinstance(given, dict) and isinstance(wanted, dict):
            for name in given.keys() & wanted.keys():
                self.echo(given[name], wanted[name])
        elif isinstance(given, list) and isinstance(wanted, list):
            for one, other in zip(given, wanted, strict=False):
                self.echo(one, other)
        elif isinstance(given, str) and isinstance(wanted, str) and given != wanted:
            self._swapped[wanted] = given

    def answer(self, number):
        """Return status, headers and body of an answer, counted from 0."""
        answer = self.steps[number].receive
        headers = {name: self.local(value) for name, value in answer.headers.items()}
        if number + 1 in self._bodies:
            return answer.status, headers, self._bodies[number + 1]
        if answer.base64 is not None:
            return answer.status, headers, base64.b64decode(answer.base64)
        text = msgspec.json.encode(answer.json).decode() if answer.body is None else answer.body
        for fake, real in self._swapped.items():
            text = (
                text.replace(f'"{fake}"', f'"{real}"').replace(f",{fake}", f",{real}").replace(f"={fake}", f"={real}")
            )
        return answer.status, headers, self.local(text).encode()
