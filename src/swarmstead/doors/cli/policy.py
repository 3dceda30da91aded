"""`stead policy`: which rules are in force, whether a new one is sound, and what it would have done to past calls."""

from collections.abc import Callable
from typing import Any

import click

from swarmstead.doors.cli import manifests, resources, words
from swarmstead.doors.cli.client import Client, part
from swarmstead.doors.cli.options import with_client
from swarmstead.doors.cli.output import dump, facts, heading, listed, output_option, table


def _mode(one: dict[str, Any]) -> str:
    if one["built_in"]:
        return "built in"
    shared = one["mode"] == "enforce" and one["share"] < 1
    return f"enforce, {one['share']:.4g} of callers" if shared else one["mode"]


_COLUMNS: dict[str, Callable[[dict[str, Any]], str | int | None]] = {
    "POLICY": lambda one: one["name"],
    "MODE": _mode,
    "WHERE": lambda one: ", ".join(one["environments"]) or "everywhere",
    "RULES": lambda one: len(one["rules"]),
    "EXCEPTIONS": lambda one: _exceptions(one["exceptions"]),
    "PROBLEM": lambda one: one["problem"],
}
_OUTCOMES = (("blocked", "blocked"), ("asked a person about", "asked"), ("let through", "allowed"))
_file_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "-f", "--file", "files", multiple=True, required=True, metavar="FILE|DIR|-", help="YAML; repeatable."
)


def _exceptions(some: list[dict[str, Any]]) -> str:
    over = sum(one["expired"] for one in some)
    return f"{len(some) - over}" + (f", {over} expired" if over else "") if some else ""


@click.group()
def policy() -> None:
    """Policies: list, show, check, and test on past calls."""


@policy.command("list")
@output_option
@with_client
def list_(client: Client, form: str) -> None:
    """List the built-in rules and the declared policies, with what is wrong with each."""
    listed(client.get("/api/v1/policies"), form, _COLUMNS)


@policy.command()
@click.argument("name")
@output_option
@with_client
def show(client: Client, name: str, form: str) -> None:
    """Show a policy's rules, and its exceptions with whether they are over."""
    found = client.get(f"/api/v1/policies/{part(name)}")
    if form != "table":
        dump(found, form)
        return
    facts(
        {
            "policy": found["name"],
            "what": found["description"],
            "mode": _mode(found),
            "where": ", ".join(found["environments"]) or "everywhere",
            "digest": found["digest"],
            "problem": found["problem"],
        }
    )
    heading("Rules")
    table(
        ["RULE", "EFFECT", "READS", "LINE", "WHAT"],
        [[one["id"], one["effect"], ", ".join(one["reads"]), one["line"], one["text"]] for one in found["rules"]],
    )
    if found["exceptions"]:
        heading("Exceptions")
        table(
            ["CALLER", "TOOL", "UNTIL", "REASON"],
            [
                [one["principal"], one["tool"], one["until"] + (" (expired)" if one["expired"] else ""), one["reason"]]
                for one in found["exceptions"]
            ],
        )


@policy.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@output_option
@with_client
def check(client: Client, files: tuple[str, ...], form: str) -> None:
    """Check that policies in YAML files are sound; change nothing."""
    sources = manifests.read_all(files)
    done = manifests.apply(client, sources, dry_run=True)
    if form != "table":
        dump(done, form)
        return
    count = sum(one["kind"] == "Policy" for one in done["items"])
    resources.warn(done["items"])
    click.echo(f"{'One policy is' if count == 1 else f'{count} policies are'} sound.")


@policy.command()
@_file_option
@click.option("--last", default=1000, show_default=True, type=click.IntRange(1, 100_000), help="How many calls.")
@output_option
@with_client
def test(client: Client, files: tuple[str, ...], last: int, form: str) -> None:
    """Say what policies would have done to the last calls, from the audit trail; change nothing.

    The trail holds who called what, where and when, but no arguments: calls that a rule with arguments may touch are
    counted as undecided.
    """
    sources = manifests.read_all(files)
    with manifests.placed(sources, "Nothing was tested"):
        found = client.post_yaml("/api/v1/policies:test", manifests.joined(sources), last=last)
    if form != "table":
        dump(found, form)
        return
    _tell(found)


def _tell(found: dict[str, Any]) -> None:
    calls = found["calls"]
    parts = [f"{word} {found[key]}" for word, key in _OUTCOMES]
    click.echo(f"This would have {', '.join(parts)} of the last {calls} call{'' if calls == 1 else 's'}.")
    if found["undecided"]:
        rules = ", ".join(found["needs_arguments"])
        click.echo(f"{found['undecided']} more cannot be told: {rules} reads arguments, which the trail does not hold.")
    if found["unread"]:
        click.echo(f"{found['unread']} rows are from before verdicts were recorded.")
    if found["matched"]:
        heading("Rules")
        table(["RULE", "CALLS"], [[name, count] for name, count in found["matched"].items()])
    if found["examples"]:
        heading("Examples")
        table(
            ["SEQ", "WHEN", "CALLER", "TOOL", "WAS", "WOULD BE", "RULES"],
            [
                [
                    one["seq"],
                    words.age(one["at"]),
                    one["principal"],
                    one["tool"],
                    one["was"],
                    one["would"],
                    ", ".join(one["rules"]),
                ]
                for one in found["examples"]
            ],
        )
