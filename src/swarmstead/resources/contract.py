"""A declared resource and its kinds, as every other room sees them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

API_VERSION = "swarmstead.dev/v1alpha1"
FILES = "config"
"""Who acts for the operator's files, and their owner where none is named."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource. `spec` is a frozen dataclass; `check` raises BadInput for what types cannot say."""

    name: str
    spec: type[Any]
    check: Callable[[Any], None]
    refers: "Callable[[Any], Iterable[Reference]]" = lambda _spec: ()
    """What a spec names by kind and name; that it is there is looked at when somebody applies it, as a warning."""
    warns: Callable[[Any], Iterable[str]] = lambda _spec: ()
    """What is most likely not meant, and may be: said to whoever applies it, field first."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in a spec's field that stands for another resource."""

    field: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Metadata:
    """Who a resource is and belongs to. Not part of its digest, except that versions are kept per name."""

    name: str
    labels: Mapping[str, str]
    owner: str


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed and checked manifest. `content` is its canonical spec, defaults left out; `digest` names it."""

    kind: str
    metadata: Metadata
    spec: Any
    content: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One version of a resource. `spec` is an instance of its kind's dataclass; `version` counts from 1."""

    kind: str
    name: str
    digest: str
    version: int
    spec: Any
    content: Mapping[str, Any]
    labels: Mapping[str, str]
    owner: str
    created_at: int
    created_by: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done with one resource: `created`, `updated` or `unchanged`; `deleted` when it is declared no longer."""

    kind: str
    name: str
    digest: str
    action: str


def files_actor(owner: str) -> str:
    """The name of the system actor that declares the files of this owner."""
    return FILES if owner == FILES else f"{FILES}/{owner}"


def files_owner(actor_id: str) -> str:
    """Whose files this actor declares; '' for any other actor."""
    name = actor_id.removeprefix("system:")
    if name == actor_id or name.partition("/")[0] != FILES:
        return ""
    return name.partition("/")[2] or FILES


def resources_topic(tenant: str) -> str:
    """The signal that a tenant's declared resources have changed."""
    return f"resources:{tenant}"
