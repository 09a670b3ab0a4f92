"""Reads a folder of configs, or one file, into a snapshot: what is good goes in, what is not is told."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.config.document import Document
from gateway.config.gateway_file import GatewayFile
from gateway.config.gateway_reading import read_gateway
from gateway.config.interpolate import ReadFile, interpolate, read_secret, redact
from gateway.config.load import load
from gateway.config.parse import needs_target, parse, parse_settings
from gateway.config.snapshot import Snapshot, content, files_in, is_gateway_file
from gateway.config.spec import ConfigSpec, SettingsSpec, leaves
from gateway.config.suggest import did_you_mean, listed, printable
from gateway.config.trusted_hosts import host_matcher
from gateway.errors import InvalidConfig, Problem

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class _Written:
    id: str
    document: Document
    filled: Document


def read(
    path: Path,
    environ: Mapping[str, str],
    *,
    read_file: ReadFile = read_secret,
    keep: Snapshot | None = None,
) -> Snapshot:
    """Return what the path holds; with `keep`, whatever is bad now stays as it was there."""
    try:
        files = files_in(path)
    except OSError as error:
        message = f"cannot read the configs here: {error.strerror}; name a folder of configs, or one config file."
        return replace(keep or Snapshot(fatal=True), problems=(Problem(message=message, file=str(path)),))
    return _Attempt(files, environ, read_file, keep or Snapshot(), first=keep is None).snapshot()


class _Attempt:
    """One reading of all files."""

    def __init__(
        self,
        files: Iterable[Path],
        environ: Mapping[str, str],
        read_file: ReadFile,
        keep: Snapshot,
        *,
        first: bool,
    ) -> None:
        self._environ = environ
        self._read_file = read_file
        self._keep = keep
        self._first = first
        self._problems: list[Problem] = []
        self._config_files = [file for file in files if not is_gateway_file(file)]
        self._gateway_files = [str(file) for file in files if is_gateway_file(file)]
        self._gateway = read_gateway(self._gateway_files, environ, read_file, keep)

    def snapshot(self) -> Snapshot:
        """Return what goes live."""
        written = dict(self._read_documents())
        gateway = self._keep.gateway if self._gateway.gateway is None else self._gateway.gateway
        specs, faults = self._parsed(written, gateway)
        missing = list(self._missing(gateway, written, specs))
        if missing and not self._first:
            gateway = self._keep.gateway
            specs, faults = self._parsed(written, gateway)
        kept = self._kept(gateway, specs)
        held = {file: written[file].id for file in specs}
        configs = {held[file]: spec for file, spec in specs.items()}
        documents = {held[file]: written[file].document for file in specs}
        for id_ in kept.values():
            configs[id_], documents[id_] = self._keep.configs[id_], self._keep.documents[id_]
        problems = [*self._gateway.problems, *self._problems, *faults, *missing]
        return Snapshot(
            configs=dict(sorted(configs.items())),
            gateway=gateway,
            problems=tuple(sorted(problems, key=_position)),
            fatal=bool(problems) and (not configs or bool(missing) or self._gateway.gateway is None),
            documents=documents,
            files=held | kept,
            gateway_file=self._gateway_files[0] if self._gateway_files else self._keep.gateway_file,
        )

    def _read_documents(self) -> Iterator[tuple[str, _Written]]:
        found: dict[str, _Written] = {}
        for path in self._config_files:
            file = str(path)
            try:
                document = load(content(path), file)
            except InvalidConfig as invalid:
                self._problems.extend(invalid.problems)
                continue
            try:
                filled = interpolate(document, self._environ, self._read_file)
            except InvalidConfig as invalid:
                filled = replace(document, problems=tuple(invalid.problems))  # told with what else is wrong
            id_ = filled.data.get("id", path.stem)
            if isinstance(id_, str) and _ID.fullmatch(id_):
                found[file] = _Written(id_, document, filled)
                continue
            advice = "up to 100 letters, digits, dots, hyphens and underscores, starting with a letter or digit"
            message = f"`{printable(str(id_))}` is no id for a config: give `id` {advice}."
            self._problems.append(document.problem("$.id", message))
        owners: dict[str, list[str]] = {}
        for file, written in found.items():
            owners.setdefault(written.id, []).append(file)
        for file, written in found.items():
            twins = [other for other in owners[written.id] if other != file]
            if not twins:
                yield file, written
                continue
            message = f"the id `{written.id}` is also that of {', '.join(twins)}; give each config its own."
            self._problems.append(written.document.problem("$.id", message))

    def _parsed(
        self, written: Mapping[str, _Written], gateway: GatewayFile
    ) -> tuple[dict[str, ConfigSpec | SettingsSpec], list[Problem]]:
        specs: dict[str, ConfigSpec | SettingsSpec] = {}
        faults: list[Problem] = []
        if self._first and self._gateway.gateway is None and self._gateway.document is None:
            # Which virtual keys there are is not known, so no config can be judged.
            return specs, [problem for each in written.values() for problem in each.filled.problems]
        virtual_keys = self._gateway.unavailable | dict(gateway.virtual_keys)
        trusted = host_matcher(gateway.trusted_hosts)
        for file, each in written.items():
            try:
                if needs_target(each.filled):
                    specs[file] = replace(parse_settings(each.filled), id=each.id)
                    continue
                spec = parse(each.filled, virtual_keys=virtual_keys, trusted_hosts=trusted)
            except InvalidConfig as invalid:
                faults.extend(redact(invalid.problems, each.document, each.filled))
                continue
            slugs = {leaf.virtual_key for leaf in leaves(spec.root) if leaf.virtual_key not in gateway.virtual_keys}
            lacking = sorted(filter(None, slugs))
            if not lacking:
                specs[file] = replace(spec, id=each.id)
                continue
            where = f"{listed(lacking, 'and')}: see what is wrong with virtual keys in {self._gateway_files[0]}"
            faults.append(each.document.problem("$", f"this config waits for {where}."))
        return specs, faults

    def _missing(
        self, gateway: GatewayFile, written: Mapping[str, _Written], specs: Mapping[str, ConfigSpec | SettingsSpec]
    ) -> Iterator[Problem]:
        good = {written[file].id for file in specs} | set(self._kept(GatewayFile(), specs).values())
        document = self._gateway.document or Document(data=None, file=self._keep.gateway_file)
        broken = {each.id for file, each in written.items() if file not in specs}
        broken |= {path.stem for path in self._config_files if str(path) not in written}
        for path, id_ in _references(gateway):
            if id_ not in good:
                why = "has problems of its own." if id_ in broken else f"does not exist{did_you_mean(id_, good)}"
                yield document.problem(path, f"the config `{printable(id_)}` {why}")

    def _kept(self, gateway: GatewayFile, specs: Mapping[str, ConfigSpec | SettingsSpec]) -> dict[str, str]:
        """Return what stays as it was: configs whose file is bad now, and deleted ones that are still referred to."""
        present = {str(path) for path in self._config_files}
        needed = {id_ for _, id_ in _references(gateway)}
        taken = {spec.id for spec in specs.values()}
        return {
            file: id_
            for file, id_ in self._keep.files.items()
            if file not in specs and id_ not in taken and (file in present or id_ in needed)
        }


def _references(gateway: GatewayFile) -> Iterator[tuple[str, str]]:
    if gateway.default_config is not None:
        inside = "$.server" if "default_config" in gateway.server else "$"
        yield f"{inside}.default_config", gateway.default_config
    for index, key in enumerate(gateway.api_keys.values()):
        if key.default_config is not None:
            yield f"$.api_keys[{index}].default_config", key.default_config


def _position(problem: Problem) -> tuple[str, int, int]:
    return problem.file or "", problem.line or 0, problem.column or 0
