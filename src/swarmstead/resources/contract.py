"""A declared resource and its kinds, as every other room sees them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

API_VERSION = "swarmstead.dev/v1alpha1"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of resource. `spec` is a frozen dataclass; `check` raises BadInput for what types cannot say."""

    name: str
    spec: type[Any]
    check: Callable[[Any], None]
    refers: "Callable[[Any], Iterable[Reference]]" = lambda _spec: ()
    """What a spec names by kind and name; that it is there is looked at when somebody applies it, as a warning."""


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


def resources_topic(tenant: str) -> str:
    """The signal that a tenant's declared resources have changed."""
    return f"resources:{tenant}"
