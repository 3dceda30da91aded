"""The names of spans and attributes are those of the revision that they say they are of."""

import re

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, mcp_attributes
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.semconv.schemas import Schemas

from swarmstead.telemetry import names
from tests.architecture.tree import PACKAGE

_THEIRS = {
    value
    for module in (gen_ai_attributes, mcp_attributes, error_attributes)
    for value in vars(module).values()
    if isinstance(value, str)
}


def _ours() -> dict[str, str]:
    return {name: value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}


def test_what_is_theirs_they_know() -> None:
    theirs = {value for value in _ours().values() if re.match(r"(gen_ai|mcp|error)\.", value)}
    assert theirs
    assert theirs <= _THEIRS
    operations = {one.value for one in vars(gen_ai_attributes)["GenAiOperationNameValues"]}
    providers = {one.value for one in vars(gen_ai_attributes)["GenAiProviderNameValues"]}
    assert {names.CHAT, names.EXECUTE_TOOL, names.INVOKE_AGENT} <= operations
    assert set(names.PROVIDERS.values()) <= providers
    assert names.SCHEMA_URL in {one.value for one in Schemas}


def test_no_two_are_the_same() -> None:
    assert len(set(_ours().values())) == len(_ours())


def test_no_other_module_spells_one() -> None:
    spelled = re.compile(r"[\"'](gen_ai|mcp\.method|swarmstead\.(run|risk|verdict|policy))\b")
    found = [path for path in PACKAGE.rglob("*.py") if spelled.search(path.read_text(encoding="utf-8"))]
    assert [path.name for path in found] == ["names.py"]
