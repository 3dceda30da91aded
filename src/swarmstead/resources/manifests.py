"""YAML text to checked documents, with the line and column of every fault.

Invariants: `parse` changes nothing and either returns every document of the text or raises with the faults found.
Cost: bounded by `texts`; what is larger, deeper or not plain is refused before anything is built.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.faults import in_words
from swarmstead.kernel.hashing import digest
from swarmstead.resources import texts
from swarmstead.resources.contract import API_VERSION, Document, Kind, Metadata
from swarmstead.resources.errors import ManifestError, ManifestRefused
from swarmstead.resources.texts import Path, Places
from swarmstead.resources.writing import written

_MAX_LABEL, _MAX_OWNER = 256, 120
_MOST_FAULTS = 100
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,127}")
_TOP = ("apiVersion", "kind", "metadata", "spec")
_META = ("name", "labels", "owner")
# Where YAML has a word of its own for it.
_IN_YAML = {
    "dataclass_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "string_type": "must be text; quote it",
}
_Fault = tuple[Path, str] | tuple[Path, str, int]  # where, what, and the line of the text in it (from 1)


@cache
def adapter_of(spec: type[Any]) -> TypeAdapter[Any]:
    """The validator of a spec dataclass; built once, on first use."""
    return TypeAdapter(spec)


def schema_of(kind: Kind) -> dict[str, Any]:
    """JSON Schema (2020-12) of a whole document of this kind."""
    spec = adapter_of(kind.spec).json_schema(ref_template="#/$defs/{model}")
    definitions = spec.pop("$defs", {})
    name = {"type": "string", "pattern": f"^{_NAME.pattern}$", "description": "Unique per kind within a tenant."}
    labels = {
        "type": "object",
        "propertyNames": {"pattern": f"^{_LABEL.pattern}$"},
        "additionalProperties": {"type": "string", "maxLength": _MAX_LABEL},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.name,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": kind.name},
            "metadata": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {"name": name, "labels": labels, "owner": {"type": "string", "maxLength": _MAX_OWNER}},
            },
            "spec": spec,
        },
        "$defs": definitions,
    }


def parse(text: str, kinds: Mapping[str, Kind], file: str = "manifest") -> list[Document]:
    """All documents of a YAML text. Fails: ManifestRefused with every fault, up to the first 100."""
    return parse_all([(file, text)], kinds)


def parse_all(files: Sequence[tuple[str, str]], kinds: Mapping[str, Kind]) -> list[Document]:
    """All documents of several files, (name, text) each, as one: each holds one, and no resource is declared twice.

    Fails: ManifestRefused with every fault, up to the first 100.
    """
    documents: dict[tuple[str, str], Document] = {}
    errors: list[ManifestError] = []
    for file, text in files:
        known, faults = len(documents), list(_parsed(file, text, kinds, documents))
        if len(documents) == known and not faults:  # a file that was cut to nothing must not read as a decision
            faults.append(ManifestError(file, 1, 1, "", "there is no document in it"))
        errors += faults
    if not files:
        errors.append(ManifestError("", 1, 1, "", "there is no document in it"))
    if errors:
        raise ManifestRefused(errors[:_MOST_FAULTS])
    return list(documents.values())


def _parsed(
    file: str, text: str, kinds: Mapping[str, Kind], documents: dict[tuple[str, str], Document]
) -> Iterator[ManifestError]:
    """Adds a file's documents to `documents`; gives what is wrong."""
    try:
        for value, places in texts.load(text):
            if value is None:
                continue
            document, faults = _read(value, places, kinds)
            if document is not None:
                key = (document.kind, document.metadata.name)
                if key in documents:
                    faults.append((("metadata", "name"), f"{key[0]} {key[1]!r} is declared twice"))
                documents[key] = document
            yield from (_at(file, places, fault) for fault in faults)
    except texts.NotPlain as fault:
        yield ManifestError(file, fault.line, fault.column, "", fault.problem)


def dump(document: Document) -> str:
    """The document as YAML, in the order people write it."""
    metadata: dict[str, Any] = {"name": document.metadata.name}
    if document.metadata.labels:
        metadata["labels"] = dict(document.metadata.labels)
    if document.metadata.owner:
        metadata["owner"] = document.metadata.owner
    whole = {"apiVersion": API_VERSION, "kind": document.kind, "metadata": metadata, "spec": document.content}
    return written(whole)


def _read(value: Any, places: Places, kinds: Mapping[str, Kind]) -> tuple[Document | None, list[_Fault]]:
    """The document, or None and everything that is wrong with it."""
    if not isinstance(value, dict):
        return None, [((), "a document is a mapping with apiVersion, kind, metadata and spec")]
    raw = cast("dict[str, Any]", value)
    kind = kinds.get(raw["kind"]) if isinstance(raw.get("kind"), str) else None
    found = [*_head_faults(raw, kind, kinds)]
    if "metadata" in raw:
        found += _metadata_faults(raw["metadata"])
    if kind is None or "spec" not in raw:
        return None, found
    spec, faults = _spec(raw["spec"], places, kind)
    if found or faults:
        return None, [*found, *faults]
    meta = raw["metadata"]
    metadata = Metadata(meta["name"], dict(meta.get("labels") or {}), meta.get("owner") or "")
    content = adapter_of(kind.spec).dump_python(spec, mode="json", exclude_defaults=True)
    return Document(kind.name, metadata, spec, content, digest({"kind": kind.name, "spec": content})), []


def _head_faults(raw: Mapping[str, Any], kind: Kind | None, kinds: Mapping[str, Kind]) -> Iterator[_Fault]:
    for name in raw:
        if name not in _TOP:
            yield (name,), f"unknown field; a document has {', '.join(_TOP)}"
    for name in _TOP:
        if name not in raw:
            yield (name,), "this field is missing"
    if raw.get("apiVersion", API_VERSION) != API_VERSION:
        yield ("apiVersion",), f"must be {API_VERSION}"
    if "kind" in raw and kind is None:
        called = f" {raw['kind']!r}" if isinstance(raw["kind"], str) and len(raw["kind"]) <= _MAX_LABEL else ""
        yield ("kind",), f"unknown kind{called}; known are {', '.join(sorted(kinds))}"


def _spec(raw: Any, places: Places, kind: Kind) -> tuple[Any, list[_Fault]]:
    try:
        spec = adapter_of(kind.spec).validate_python(raw)
        kind.check(spec)
    except ValidationError as error:
        found: dict[Path, list[str]] = {}
        for fault in error.errors(include_url=False, include_input=False):
            path = _path(fault["loc"], places, absent=fault["type"] == "missing")
            found.setdefault(path, []).append(_IN_YAML.get(fault["type"]) or in_words(fault))
        return None, [(path, ", or ".join(messages)) for path, messages in found.items()]
    except BadInput as error:
        named = tuple(part for part in re.split(r"[.\[\]]", error.field) if part)
        way_out = f" {error.way_out}" if error.way_out else ""
        path = named if named[:1] == ("spec",) else ("spec", *named)
        lines = cast("list[tuple[int, str]]", error.extra.get("lines", []))
        return None, [(path, text, line) for line, text in lines] or [(path, error.message + way_out)]
    return spec, []


def _path(location: tuple[int | str, ...], places: Places, *, absent: bool) -> Path:
    """A validator's location without the names of types and branches, which are not in the text."""
    path: Path = ("spec",)
    for part in location:
        if (*path, str(part)) in places:
            path = (*path, str(part))
    return (*path, str(location[-1])) if absent else path


def _metadata_faults(meta: Any) -> Iterator[_Fault]:
    if not isinstance(meta, dict):
        yield ("metadata",), "must be a mapping with a name"
        return
    fields = cast("dict[str, Any]", meta)
    for name in fields:
        if name not in _META:
            yield ("metadata", name), f"unknown field; metadata has {', '.join(_META)}"
    name = fields.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield ("metadata", "name"), "must be 1 to 63 of a-z, 0-9 and '-', starting and ending with a letter or digit"
    yield from _label_faults(fields.get("labels"))
    owner = fields.get("owner")
    if owner is not None and not (isinstance(owner, str) and len(owner) <= _MAX_OWNER):
        yield ("metadata", "owner"), f"must be text of at most {_MAX_OWNER} characters"


def _label_faults(labels: Any) -> Iterator[_Fault]:
    if labels is None:
        return
    if not isinstance(labels, dict):
        yield ("metadata", "labels"), "must be a mapping of text to text"
        return
    for key, value in cast("dict[str, Any]", labels).items():
        path = ("metadata", "labels", key)
        if not _LABEL.fullmatch(key):
            yield path, "a label's name is 1 to 128 letters, digits and _ . / -, starting with a letter or digit"
        if not isinstance(value, str) or len(value) > _MAX_LABEL:
            yield path, f"must be text (quote numbers and yes/no), at most {_MAX_LABEL} characters"


def _at(file: str, places: Places, fault: _Fault) -> ManifestError:
    path, message, text_line = fault if len(fault) == 3 else (*fault, 0)  # noqa: PLR2004 - the two forms of a fault
    known = path
    while known and known not in places:
        known = known[:-1]
    line, column = places.get(known, (1, 1))
    if text_line and (*known, texts.BLOCK) in places:
        line, column = places[*known, texts.BLOCK][0] + text_line - 1, 1
    return ManifestError(file, line, column, ".".join(path), message)
