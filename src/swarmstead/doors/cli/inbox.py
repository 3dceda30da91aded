"""`stead inbox`: what waits for a person. What is approved is exactly what was shown, by its hash."""

import difflib
import json
import sys
from collections.abc import Callable
from typing import Any

import click

from swarmstead.doors.cli import words
from swarmstead.doors.cli.client import Client, Refused, part
from swarmstead.doors.cli.options import limit_option, with_client
from swarmstead.doors.cli.output import coloured_diff, dump, facts, heading, listed, output_option, visible
from swarmstead.kernel.errors import BadInput, Conflict
from swarmstead.kernel.money import usd_text

_OUTCOMES = {
    "not_used": "not used yet",
    "under_way": "under way",
    "done": "done",
    "failed": "failed",
    "unknown": "not known whether it was done",
    "used": "used; how it went is in the audit trail",
}
_COLUMNS: dict[str, Callable[[dict[str, Any]], str | int | None]] = {
    "APPROVAL": lambda one: one["id"],
    "STATUS": lambda one: one["status"],
    "OUTCOME": lambda one: (one.get("outcome") or "").replace("_", " "),
    "EXPIRES": lambda one: words.age(one["expires_at"]),
    "RUN": lambda one: one["run"],
    "ENV": lambda one: one["environment"],
    "ASKED BY": lambda one: one["agent"] or one["asked_by_name"] or "an outside client",
    "MODEL": lambda one: one["model_kind"],
    "RISK": lambda one: one["risk"],
    "WHAT": lambda one: one["sentence"],
}


@click.group()
def inbox() -> None:
    """What waits for a person: list, show, approve, deny."""


@inbox.command("list")
@click.option(
    "--status",
    multiple=True,
    type=click.Choice(["pending", "approved", "denied", "expired"]),
    default=("pending",),
    show_default=True,
    help="Only questions in this state; repeatable.",
)
@click.option("--run", "run_id", default="", help="Only questions of this run.")
@limit_option
@output_option
@with_client
def list_(client: Client, status: tuple[str, ...], run_id: str, limit: int, form: str) -> None:
    """List questions, the one that expires first on top."""
    page = client.page("/api/v1/approvals", limit, status=",".join(status), run=run_id)
    listed(page, form, _COLUMNS, empty="Nothing waits for you." if status == ("pending",) else "None.")


@inbox.command()
@click.argument("approval")
@output_option
@with_client
def show(client: Client, approval: str, form: str) -> None:
    """Show a question with its exact payload."""
    found = client.get(f"/api/v1/approvals/{part(approval)}")
    if form != "table":
        dump(found, form)
        return
    _show(found)
    _look(client, found)
    if found["status"] == "pending":
        click.echo(how_to_decide(found))


@inbox.command()
@click.argument("approval")
@click.option("--reason", default="", help="Why; it is recorded.")
@click.option("--hash", "hash_", default="", help="Approve only the payload with this hash.")
@click.option("--yes", is_flag=True, help="Do not ask. Needs --hash: the payload that was read before.")
@output_option
@with_client
def approve(client: Client, approval: str, reason: str, hash_: str, form: str, *, yes: bool) -> None:
    """Show the exact payload, ask, and approve that payload and no other."""
    if yes and not hash_:
        raise BadInput(
            "--yes approves without asking, so it has to say what: --hash is missing.",
            field="--hash",
            way_out=f"Read `stead inbox show {approval}` and give the hash that it shows.",
        )
    found = _pending(client, approval, hash_)
    if not yes and (form != "table" or not sys.stdin.isatty()):
        raise BadInput(
            "There is nobody to show the payload to and to ask. Nothing was decided.",
            way_out=f"Read `stead inbox show {approval}`, then give --yes with the --hash that it shows.",
        )
    if form == "table":
        _show(found)
        _look(client, found)
    if not yes:
        click.confirm("\nApprove exactly this?", abort=True, err=True)
    _decide(client, found, "approve", reason, form)


@inbox.command()
@click.argument("approval")
@click.option("--reason", default="", help="Why, in a sentence: the agent is told. Asked for on a terminal.")
@click.option("--hash", "hash_", default="", help="Deny only the payload with this hash.")
@output_option
@with_client
def deny(client: Client, approval: str, reason: str, hash_: str, form: str) -> None:
    """Deny a call, with a reason that its agent is told."""
    found = _pending(client, approval, hash_)
    if not reason.strip() and sys.stdin.isatty():
        _show(found)
        reason = click.prompt("\nReason", err=True)
    if not reason.strip():
        raise BadInput("A denial needs a reason.", field="--reason", way_out="Say why: --reason TEXT.")
    _decide(client, found, "deny", reason, form)


def how_to_decide(found: dict[str, Any]) -> str:
    """The commands that decide about an open question, and what they do where that is not plain."""
    approval, meaning = found["id"], ""
    if found["kind"] == "outcome":
        meaning = (
            "\nNobody knows whether it was done: look at the target first.\n"
            "Approved, it is run again, and twice if it was done. Denied, it is not repeated. The run goes on.\n"
        )
    return (
        f"{meaning}\nApprove: stead inbox approve {approval}\nDeny:    stead inbox deny {approval} --reason TEXT\n"
        f"In a script: stead inbox approve {approval} --yes --hash {found['hash']}"
    )


def _pending(client: Client, approval: str, hash_: str) -> dict[str, Any]:
    """The question, still open and, when a hash was given, still the same."""
    found = client.get(f"/api/v1/approvals/{part(approval)}")
    if found["status"] != "pending":
        why = f": {visible(found['reason'])}" if found["status"] == "expired" and found["reason"] else ""
        raise Conflict(
            f"This approval is {found['status']} already{why}.",
            way_out=f"Look at the run: stead run show {found['run']}.",
        )
    if hash_ and found["hash"] != hash_:
        raise Conflict(
            "What waits is not what this hash was given for. Nothing was decided.",
            way_out=f"Read it again: stead inbox show {approval}.",
            code="hash_changed",
        )
    return found


def _decide(client: Client, found: dict[str, Any], decision: str, reason: str, form: str) -> None:
    body = {"decision": decision, "reason": reason, "hash": found["hash"]}
    decided = client.post(f"/api/v1/approvals/{part(found['id'])}:decide", body)
    if form == "table":
        facts({"decision": decided["status"], "by": decided["decided_by"], "run": decided["run"]})
    else:
        dump(decided, form)


def _show(found: dict[str, Any]) -> None:
    payload = found["payload"]
    spent, budget = found["run_spent_micros"], found["run_budget_micros"]
    click.echo(click.style(visible(found["sentence"]), bold=True))
    facts(
        {
            "status": found["status"],
            "tool": f"{found['server']}/{found['tool']}",
            "risk": found["risk"],
            "rule": found["rule"],
            "in": payload.get("root"),
            "asked by": _asker(found),
            "model": found["model_kind"],
            "asked": words.age(found["asked_at"]),
            "expires": words.age(found["expires_at"]) if found["status"] == "pending" else "",
            "run spent": f"{usd_text(spent)} of {usd_text(budget)}" if spent is not None and budget is not None else "",
            "decided": words.age(found["decided_at"]),
            "by": found["decided_by"],
            "outcome": _OUTCOMES.get(found.get("outcome") or "", ""),
            "reason": found["reason"],
            "hash": found["hash"],
        }
    )
    if found.get("concealed"):
        click.echo("\nSomething secret is taken out of this: only who may decide is shown the exact payload.")
    effect = found["effect"]
    if effect.get("kind") == "file":
        _show_file(effect, payload.get("arguments") or {})
    else:
        _show_trouble(effect)
        heading("Payload")
        click.echo(visible(json.dumps(payload, indent=2, ensure_ascii=False)))


def _look(client: Client, found: dict[str, Any]) -> None:
    """Whether an open plan would still do what it was asked about. Who may not decide is told nothing of it."""
    if found["status"] != "pending" or found["kind"] != "plan":
        return
    try:
        now = client.get(f"/api/v1/approvals/{part(found['id'])}/effect")
    except Refused as error:
        if error.code != "not_permitted":
            click.echo(visible(f"\nIt could not be looked at again: {error.message}"), err=True)
        return
    if now["state"] == "same":
        click.echo("\nLooked at again just now: it would still do exactly this.")
        return
    if now["state"] == "barred":
        heading("It cannot be done as things stand")
        click.echo(click.style(visible(now["why"]), fg="red"))
        click.echo("Approved, it is denied all the same, unless that is mended first.")
        return
    if now["state"] == "unknown" and not found["payload"].get("precondition"):
        return
    if now["state"] == "unknown":
        click.echo(visible(f"\nLooked at again just now, and it is not known whether this still holds: {now['why']}"))
        return
    heading("CHANGED since it was asked")
    click.echo(
        "What it would change is not what it was. The decision is about what stands above; if it is approved,\n"
        "nothing is done, and you are asked again about what it would do then. Now it would be:"
    )
    _show_file(now["effect"], found["payload"].get("arguments") or {})


def _asker(found: dict[str, Any]) -> str:
    """An agent of a run, or the key of an outside client, which has no run."""
    if found["run"]:
        return f"{found['agent']} in {found['swarm']} ({found['environment']}), run {found['run']}"
    name = visible(found["asked_by_name"] or found["asked_by"] or "unknown")
    return f"{name}, an outside client ({found['asked_by']})" if found["asked_by"] else "an outside client"


def _show_trouble(effect: dict[str, Any]) -> None:
    """What the tool's own preview has refused, or what kept it from telling anything; a person must not have to try."""
    why = visible(effect.get("why") or "")
    if effect.get("refused"):
        heading("Its own preview refuses this call")
        click.echo(click.style(why or "It does not say why.", fg="red"))
        click.echo("Approved, it will most likely fail, and change nothing. Denied, whoever asks can try another way.")
    elif why:
        heading("What it would do is not known")
        click.echo(why)


def _show_file(effect: dict[str, Any], arguments: dict[str, Any]) -> None:
    """A file that would be written, line by line, and whatever else the call carries."""
    before, after = effect.get("before") or "", effect["after"] or ""
    is_new = effect.get("before") is None
    heading(f"{visible(effect['path'])}: {'new' if is_new else 'unchanged' if effect.get('unchanged') else 'changed'}")
    if effect.get("before_truncated"):
        click.echo("(the file is long; only its beginning is compared)")
    if is_new:
        coloured_diff([("+", line) for line in after.removesuffix("\n").split("\n")])
    elif effect.get("unchanged"):
        click.echo("It has exactly this text already.")
    else:
        diff = list(difflib.unified_diff(before.split("\n"), after.split("\n"), lineterm="", n=3))[2:]
        coloured_diff([(line[:1], line[1:]) for line in diff])
        if not diff:
            click.echo("(nothing that is shown differs: what does is left out of this view)")
    rest = {name: value for name, value in arguments.items() if value not in (effect["path"], effect["after"])}
    if rest:
        heading("Other arguments")
        click.echo(visible(json.dumps(rest, indent=2, ensure_ascii=False)))
