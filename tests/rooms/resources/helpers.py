"""Manifests as people write them, and what is wrong with them."""

import textwrap

import pytest
import yaml

from swarmstead.resources.contract import API_VERSION, Document
from swarmstead.resources.errors import ManifestRefused
from swarmstead.resources.manifests import parse
from swarmstead.wiring import KINDS

Place = tuple[int, int, str]


def agent(name: str = "helper", **spec: object) -> str:
    """A sound Agent, with these fields of its spec added or changed."""
    whole = {"instructions": "Help.", "model": "scripted"} | spec
    return manifest("Agent", name, whole)


def manifest(kind: str, name: str, spec: object, **metadata: object) -> str:
    """A document as YAML."""
    document = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name, **metadata}, "spec": spec}
    return yaml.safe_dump(document, sort_keys=False)


def one(text: str) -> Document:
    """The only document of a text."""
    (document,) = parse(text, KINDS)
    return document


def faults(text: str) -> list[tuple[int, int, str, str]]:
    """(line, column, field, message) of everything that is wrong with a text."""
    with pytest.raises(ManifestRefused) as caught:
        parse(textwrap.dedent(text), KINDS, "team.yaml")
    assert {error.file for error in caught.value.errors} == {"team.yaml"}
    return [(error.line, error.column, error.field, error.message) for error in caught.value.errors]


def places(text: str) -> list[Place]:
    """(line, column, field) of everything that is wrong with a text."""
    return [(line, column, field) for line, column, field, _ in faults(text)]
