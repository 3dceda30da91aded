"""Declaring one resource from options, the way `stead apply` would from a file."""

import json
from collections.abc import Mapping
from typing import Any

from swarmstead.doors.cli import manifests, resources
from swarmstead.doors.cli.client import Client

_API_VERSION = "swarmstead.dev/v1alpha1"


def declare(
    client: Client,
    kind: str,
    name: str,
    spec: Mapping[str, Any],
    form: str,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Apply one document and print what was done; options left empty are left out.

    Fails: BadInput, naming the field; Refused.
    """
    about = {"name": name} | _given(metadata or {})
    document = {"apiVersion": _API_VERSION, "kind": kind, "metadata": about, "spec": _given(spec)}
    text = json.dumps(document, indent=1, ensure_ascii=False)  # JSON is YAML, one field a line
    resources.report(manifests.apply(client, [manifests.Source("", f"{text}\n", 1)]), form)


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in values.items() if value not in (None, "", [], {})}
