"""There is no path around the chain: nobody outside the gateway can reach a tool server, and inside only two do."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).parents[3] / "src" / "swarmstead"
CALLS = {"call_tool", "fetch"}
# The chain's last link; and what shows a person, by a read tool, what a plan would do.
ALLOWED = {"CallUpstream._call", "CallUpstream._fetch", "DryRun.of"}


@cache
def modules() -> list[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(SOURCES.rglob("*.py"))]


def calls_in(tree: ast.AST, names: set[str]) -> Iterator[str]:
    """The qualified names of functions that call (or hand on) an attribute of one of these names."""

    def visit(node: ast.AST, inside: str) -> Iterator[str]:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inside = f"{inside}.{node.name}" if inside else node.name
        if isinstance(node, ast.Attribute) and node.attr in names:
            yield inside
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    yield from visit(tree, "")


def test_a_tool_is_called_by_the_chain_and_its_dry_run_only() -> None:
    found = {inside for _, tree in modules() for inside in calls_in(tree, CALLS)}
    assert found == ALLOWED


def test_the_chain_is_walked_by_the_gateway_only() -> None:
    """Who could make a chain of their own, with a link left out?"""
    users = {path.relative_to(SOURCES).as_posix() for path, tree in modules() if "chained" in names_in(tree)}
    assert users == {"gateway/chain.py", "gateway/gateway.py"}


def test_sessions_with_tool_servers_are_opened_by_the_composition_only() -> None:
    users = {
        path.relative_to(SOURCES).as_posix()
        for path, tree in modules()
        if {"Upstreams", "StdioSession", "HttpSession"} & names_in(tree)
    }
    outside = {path for path in users if not path.startswith("gateway/adapters/")}
    assert outside == {"gatehouse.py"}


def test_what_the_composition_opens_goes_into_the_gateway_and_nowhere_else() -> None:
    tree = ast.parse((SOURCES / "gatehouse.py").read_text(encoding="utf-8"))
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "Upstreams"]
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Gateway"
    ]
    assert len(uses) == 1
    assert [use for call in calls for use in ast.walk(call) if use in uses] == uses


def names_in(tree: ast.AST) -> set[str]:
    """Every name that is used or imported."""
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            found |= {alias.name.rpartition(".")[2] for alias in node.names}
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
    return found
