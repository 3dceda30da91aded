"""YAML text to checked documents, with the line and column of every fault.

Invariants: `parse` changes nothing and either returns every document of the text or raises with all faults found.
Cost: bounded; texts over 1 MiB, over 50,000 nodes, or with aliases are refused before anything is built.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

import yaml
from pydantic import TypeAdapter, ValidationError

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.hashing import digest
from swarmstead.resources.contract import API_VERSION, Document, Kind, Metadata
from swarmstead.resources.errors import ManifestError, ManifestRefused

_MAX_BYTES = 1_048_576
_MAX_NODES = 50_000
_MAX_LABEL, _MAX_OWNER = 256, 120
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,127}")
_TOP = {"apiVersion", "kind", "metadata", "spec"}
_Path = tuple[str | int, ...]
_Marks = dict[_Path, tuple[int, int]]
_Fault = tuple[_Path, str]


@cache
def adapter_of(spec: type[Any]) -> TypeAdapter[Any]:
    """The validator of a spec dataclass; built once, on first use."""
    return TypeAdapter(spec)


def schema_of(kind: Kind) -> dict[str, Any]:
    """JSON Schema (2020-12) of a whole document of this kind."""
    spec = adapter_of(kind.spec).json_schema(ref_template="#/$defs/{model}")
    definitions = spec.pop("$defs", {})
    name = {"type": "string", "pattern": f"^{_NAME.pattern}$", "description": "Unique per kind within a tenant."}
    labels = {"type": "object", "additionalProperties": {"type": "string", "maxLength": _MAX_LABEL}}
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
    """All documents of a YAML text. Fails: ManifestRefused with every fault."""
    if len(text.encode()) > _MAX_BYTES:
        raise ManifestRefused([ManifestError(file, 1, 1, "", f"larger than {_MAX_BYTES} bytes; split it")])
    documents: list[Document] = []
    errors: list[ManifestError] = []
    seen: set[tuple[str, str]] = set()
    for value, marks in _load(text, file):
        if value is None:
            continue
        try:
            document = _document(value, kinds)
        except _Faults as faults:
            errors += [_at(file, marks, path, message) for path, message in faults.found]
            continue
        key = (document.kind, document.metadata.name)
        if key in seen:
            errors.append(_at(file, marks, ("metadata", "name"), f"{key[0]} {key[1]!r} is declared twice in this text"))
        seen.add(key)
        documents.append(document)
    if not documents and not errors:
        errors.append(ManifestError(file, 1, 1, "", "there is no document in it"))
    if errors:
        raise ManifestRefused(errors)
    return documents


def dump(document: Document) -> str:
    """The document as YAML, in the order people write it."""
    metadata: dict[str, Any] = {"name": document.metadata.name}
    if document.metadata.labels:
        metadata["labels"] = dict(document.metadata.labels)
    if document.metadata.owner:
        metadata["owner"] = document.metadata.owner
    whole = {"apiVersion": API_VERSION, "kind": document.kind, "metadata": metadata, "spec": document.content}
    return yaml.dump(whole, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, so that a diff of two versions reads line by line."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)  # pyright: ignore[reportUnknownMemberType]


_Dumper.add_representer(str, _text)


class _Faults(Exception):
    def __init__(self, *found: _Fault) -> None:
        super().__init__(found)
        self.found = found


def _document(value: Any, kinds: Mapping[str, Kind]) -> Document:
    if not isinstance(value, dict):
        raise _Faults(((), "a document is a mapping with apiVersion, kind, metadata and spec"))
    raw = cast("dict[str, Any]", value)
    unknown, wanted = sorted(raw.keys() - _TOP), ", ".join(sorted(_TOP))
    found: list[_Fault] = [((name,), f"unknown field; a document has {wanted}") for name in unknown]
    found += [((), f"the field {name} is missing") for name in sorted(_TOP - raw.keys())]
    if raw.get("apiVersion", API_VERSION) != API_VERSION:
        found.append((("apiVersion",), f"must be {API_VERSION}"))
    kind = kinds.get(str(raw.get("kind")))
    if "kind" in raw and kind is None:
        found.append((("kind",), f"unknown kind {raw['kind']!r}; known are {', '.join(sorted(kinds))}"))
    found += _metadata_faults(raw.get("metadata", {}))
    if found or kind is None:
        raise _Faults(*found)
    spec, content = _spec(raw["spec"], kind)
    meta = raw["metadata"]
    metadata = Metadata(meta["name"], dict(meta.get("labels") or {}), meta.get("owner") or "")
    return Document(kind.name, metadata, spec, content, digest({"kind": kind.name, "spec": content}))


def _spec(raw: Any, kind: Kind) -> tuple[Any, Mapping[str, Any]]:
    adapter = adapter_of(kind.spec)
    try:
        spec = adapter.validate_python(raw)
    except ValidationError as error:
        raise _Faults(*((("spec", *_path(fault["loc"])), _plain(fault["msg"])) for fault in error.errors())) from error
    try:
        kind.check(spec)
    except BadInput as error:
        path = tuple(int(part) if part.isdigit() else part for part in error.field.split(".") if part)
        way_out = f" {error.way_out}" if error.way_out else ""
        raise _Faults((("spec", *path) if path[:1] != ("spec",) else path, error.message + way_out)) from error
    return spec, adapter.dump_python(spec, mode="json", exclude_defaults=True)


def _path(location: tuple[int | str, ...]) -> tuple[str | int, ...]:
    """A validator's location without the names of union branches, which are not in the text."""
    return tuple(part for part in location if isinstance(part, int) or not part.startswith(("function-", "tuple[")))


def _plain(message: str) -> str:
    known = {"Unexpected keyword argument": "unknown field", "Field required": "this field is missing"}
    return known.get(message, message)


def _metadata_faults(meta: Any) -> Iterator[_Fault]:
    if not isinstance(meta, dict):
        yield ("metadata",), "must be a mapping with a name"
        return
    fields = cast("dict[str, Any]", meta)
    for name in sorted(fields.keys() - {"name", "labels", "owner"}):
        yield ("metadata", name), "unknown field; metadata has name, labels, owner"
    name = fields.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield ("metadata", "name"), "must be 1 to 63 of a-z, 0-9 and '-', starting and ending with a letter or digit"
    labels: Any = fields.get("labels") or {}
    if not isinstance(labels, dict):
        yield ("metadata", "labels"), "must be a mapping of text to text"
    else:
        for key, value in cast("dict[Any, Any]", labels).items():
            if not (
                isinstance(value, str) and isinstance(key, str) and _LABEL.fullmatch(key) and len(value) <= _MAX_LABEL
            ):
                yield (
                    ("metadata", "labels", str(key)),
                    "must be text (quote numbers and yes/no), at most 256 characters",
                )
    owner = fields.get("owner") or ""
    if not isinstance(owner, str) or len(owner) > _MAX_OWNER:
        yield ("metadata", "owner"), "must be text of at most 120 characters"


def _at(file: str, marks: _Marks, path: _Path, message: str) -> ManifestError:
    place = path
    while place and place not in marks:
        place = place[:-1]
    line, column = marks.get(place, (1, 1))
    return ManifestError(file, line, column, ".".join(str(part) for part in path), message)


# YAML with places ----------------------------------------------------------------------------------------------------


def _load(text: str, file: str) -> Iterator[tuple[Any, _Marks]]:
    loader = yaml.SafeLoader(text)
    budget = [_MAX_NODES]
    try:
        while loader.check_node():
            node = loader.get_node()
            marks: _Marks = {}
            yield (None if node is None else _build(loader, node, (), marks, budget)), marks
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise ManifestRefused([ManifestError(file, line, column, "", f"not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ManifestRefused([ManifestError(file, 1, 1, "", f"not YAML: {error}")]) from error
    finally:
        loader.dispose()


def _build(loader: yaml.SafeLoader, node: yaml.Node, path: _Path, marks: _Marks, budget: list[int]) -> Any:
    budget[0] -= 1
    if budget[0] < 0:
        raise yaml.MarkedYAMLError(problem=f"more than {_MAX_NODES} values", problem_mark=node.start_mark)
    if path in marks:
        raise yaml.MarkedYAMLError(problem=f"the key {path[-1]!r} stands twice", problem_mark=node.start_mark)
    marks[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        built: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = _scalar(loader, key_node)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(problem="a key must be text; quote it", problem_mark=key_node.start_mark)
            built[key] = _build(loader, value_node, (*path, key), marks, budget)
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, index), marks, budget) for index, item in enumerate(node.value)]
    return _scalar(loader, node)


def _scalar(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    return loader.construct_object(node)  # pyright: ignore[reportUnknownMemberType] - PyYAML's stubs leave it open
