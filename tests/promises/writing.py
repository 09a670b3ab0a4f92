"""Writes configs in all the ways that there are: good ones, and ones that are bad in any place."""

import time
from dataclasses import dataclass

from gateway.config.folder import read
from tests.end_to_end.wall.provider import key_of

# Every request lasts for a while and asks twice: the first target never answers. Braces make each part of it bad.
TEXT = """{{
  strategy: {{mode: fallback}}, cb_config: {{failure_threshold: 100000}},
  targets: [
    {{name: first, provider: openai, api_key: {first}, custom_host: "{url}", request_timeout: 120,
      override_params: {{model: silent}}}},
    {{name: second, provider: openai, api_key: {second}, custom_host: "{url}", override_params: {{model: good}}}},
  ]
}}
"""


@dataclass
class Edit:
    number: int
    file: str
    good: bool
    version: str
    began: float
    ended: float = 0.0

    @property
    def tenant(self):
        return f"edit-{self.number}"


class Writer:
    """Writes configs in all the ways that there are."""

    def __init__(self, folder, wall, rng):
        self.folder, self.wall, self.rng = folder, wall, rng
        self.edits = []
        self._aside = folder / ".versions"
        self._aside.mkdir()

    def edit(self, file, *, good=True):
        """Write a config once more, by a rename, by a link, or where it is, in two pieces."""
        edit = Edit(len(self.edits), file, good, "", _now())
        text = TEXT.format(url=self.wall.url, first=key_of(edit.tenant, "first"), second=key_of(edit.tenant, "second"))
        if good:
            self.wall.open(edit.tenant)
            edit.version = self._version(file, text)
        else:
            text = self._spoiled(text)
        self.edits.append(edit)
        self.rng.choice((self._rename, self._link, self._in_place))(self.folder / f"{file}.yaml", text)
        edit.ended = _now()
        return edit

    def _spoiled(self, text):
        cut = text[: self.rng.randrange(len(text) - 3)]
        return self.rng.choice((cut, cut, text.replace("{\n", "{ retrys: 1,\n", 1), text + "\0", ""))

    def _version(self, file, text):
        alone = self._aside / "alone"
        alone.mkdir(exist_ok=True)
        (alone / f"{file}.yaml").write_text(text)
        snapshot = read(alone / f"{file}.yaml", {})
        return snapshot.configs[file].version

    def _rename(self, path, text):
        new = path.with_name(f"{path.name}.new")
        new.write_text(text)
        new.rename(path)

    def _link(self, path, text):
        version = self._aside / f"{len(self.edits)}.yaml"
        version.write_text(text)
        link = path.with_name(f"{path.name}.link")
        link.symlink_to(version)
        link.rename(path)

    def _in_place(self, path, text):
        with path.open("w") as file:
            file.write(text[: len(text) // 2])
            file.flush()
            time.sleep(0.005)
            file.write(text[len(text) // 2 :])


def _now():
    return time.time()  # noqa: TID251 - the log tells wall time
