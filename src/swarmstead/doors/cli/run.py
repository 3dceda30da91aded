"""`stead run`: preview, start, watch and steer runs."""

import sys
from collections.abc import Callable
from typing import Any

import click

from swarmstead.doors.cli import launches, plans, words
from swarmstead.doors.cli.client import Client, Refused, part
from swarmstead.doors.cli.options import limit_option, with_client
from swarmstead.doors.cli.output import dump, heading, listed, output_option, table, visible
from swarmstead.doors.cli.watch import outcome
from swarmstead.doors.cli.watch import watch as watch_run
from swarmstead.kernel.money import usd_text

_STATUSES = ("queued", "running", "waiting", "paused", "succeeded", "failed", "cancelled")
_COLUMNS: dict[str, Callable[[dict[str, Any]], str | int | None]] = {
    "RUN": lambda run: run["id"],
    "SWARM": lambda run: run["swarm"],
    "STATUS": lambda run: run["status"],
    "DENIED": lambda run: run["denied"] or "",
    "UNKNOWN": lambda run: run.get("unknown") or "",
    "ENV": lambda run: run["environment"],
    "MODELS": lambda run: ",".join(run["model_kinds"]),
    "COST": lambda run: usd_text(run["spent_micros"]),
    "ASKS": lambda run: run["pending_approvals"] or "",
    "STARTED": lambda run: words.age(run["started_at"] or run["created_at"]),
}


@click.group()
def run() -> None:
    """Preview, start, watch and steer runs."""


def _launching(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--env", "environment", default="dev", show_default=True, help="The environment to run in."),
        click.option("--budget", metavar="USD", default="", help="Another budget for this run, in US dollars."),
        click.option(
            "--override-model", "models", multiple=True, metavar="AGENT=MODEL", help="Another model for an agent."
        ),
        click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the swarm."),
        click.argument("swarm"),
    ):
        command = option(command)
    return command


@run.command()
@_launching
@output_option
@with_client
def preview(
    client: Client,
    swarm: str,
    inputs: tuple[str, ...],
    models: tuple[str, ...],
    budget: str,
    environment: str,
    form: str,
) -> None:
    """Show what would run now. Starts nothing."""
    plan = client.post("/api/v1/runs:preview", launches.wish(client, swarm, inputs, models, budget, environment))
    if form == "table":
        plans.show(plan)
    else:
        dump(plan, form)
    plans.require_whole(plan, start=False)


@run.command()
@_launching
@click.option("--yes", is_flag=True, help="Do not ask before the start. Risky calls still ask a person.")
@click.option("--watch", "watching", is_flag=True, help="Show the run live until it ends.")
@click.option("--until-waiting", is_flag=True, help="With --watch: stop watching when a person is needed (exit 3).")
@click.option("--idempotency-key", default="", help="A name for this start: repeating it starts nothing twice.")
@output_option
@with_client
def start(
    client: Client,
    *,
    swarm: str,
    inputs: tuple[str, ...],
    models: tuple[str, ...],
    budget: str,
    environment: str,
    form: str,
    idempotency_key: str,
    yes: bool,
    watching: bool,
    until_waiting: bool,
) -> int:
    """Preview a swarm, then launch exactly what was previewed.

    On a terminal it shows the plan and asks; in a script, or with -o json, it launches at once.
    """
    wish = launches.wish(client, swarm, inputs, models, budget, environment)
    plan = client.post("/api/v1/runs:preview", wish)
    if form == "table":
        plans.show(plan)
    plans.require_whole(plan, start=True)
    if form == "table" and not yes and sys.stdin.isatty() and sys.stderr.isatty():
        click.confirm("\nLaunch this?", abort=True, err=True)
    launched = _launch(client, wish | {"plan_hash": plan["hash"]}, idempotency_key, form)
    if form != "table":
        dump(launched, form)
    else:
        heading(f"Run {launched['id']} is {launched['status']}")
        if not watching:
            click.echo(f"Watch it: stead run watch {launched['id']}\nWhat asks for you: stead inbox list")
    return watch_run(client, launched["id"], form, until_waiting=until_waiting) if watching else 0


def _launch(client: Client, body: dict[str, Any], idempotency_key: str, form: str) -> dict[str, Any]:
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    try:
        return client.post("/api/v1/runs", body, headers)
    except Refused as error:
        if error.code == "plan_changed" and "plan" in error.extra and form == "table":
            heading("What would run now")
            plans.show(error.extra["plan"])  # pyright: ignore[reportArgumentType] - the API's PlanShape
        raise


@run.command("list")
@click.option("--status", multiple=True, type=click.Choice(_STATUSES), help="Only runs in this state; repeatable.")
@click.option("--swarm", default="", help="Only runs of this swarm.")
@click.option("--env", "environment", default="", help="Only runs in this environment.")
@limit_option
@output_option
@with_client
def list_(client: Client, status: tuple[str, ...], swarm: str, environment: str, limit: int, form: str) -> None:
    """List runs, newest first."""
    page = client.page("/api/v1/runs", limit, status=",".join(status), swarm=swarm, environment=environment)
    filtered = status or swarm or environment
    empty = "No run matches." if filtered else "No run yet. Start the sample: stead run start repo-review"
    listed(page, form, _COLUMNS, empty=empty)


@run.command()
@click.argument("run_id", metavar="RUN")
@output_option
@with_client
def show(client: Client, run_id: str, form: str) -> None:
    """Show a run: how it stands, its agents, its steps."""
    found = client.get(f"/api/v1/runs/{part(run_id)}")
    if form != "table":
        dump(found, form)
        return
    outcome(found)
    heading("Agents")
    _agents(found["agents"])
    steps = client.page(f"/api/v1/runs/{part(run_id)}/steps", 10_000)["items"]
    heading("Steps")
    table(
        ["AGENT", "TURN", "KIND", "NAME", "STATUS", "COST", "WHAT"],
        [
            [
                step["agent"],
                step["turn"],
                step["kind"],
                step["name"].replace("__", "/"),
                step["status"],
                usd_text(step["spent_micros"]),
                step["error"]["message"] if step["error"] else step["summary"],
            ]
            for step in steps
        ],
    )


def _agents(agents: list[dict[str, Any]]) -> None:
    table(
        ["AGENT", "GIVEN BY", "WHY", "MODEL", "STATUS", "TURNS", "COST"],
        [
            [
                "  " * one["depth"] + one["agent"],
                one["delegated_by"],
                one["why"],
                f"{one['model']} ({one['model_kind']})",
                one["status"],
                one["turns"],
                usd_text(one["spent_micros"]),
            ]
            for one in agents
        ],
    )


@run.command()
@click.argument("run_id", metavar="RUN")
@click.option("--until-waiting", is_flag=True, help="Stop watching when a person is needed (exit 3).")
@output_option
@with_client
def watch(client: Client, run_id: str, form: str, *, until_waiting: bool) -> int:
    """Show a run live, from its first event on, until it ends.

    Exit 0 succeeded, 1 failed or cancelled, 3 waiting (--until-waiting). Ctrl-C stops the watching, never the run.
    """
    return watch_run(client, run_id, form, until_waiting=until_waiting)


def _command(kind: str, help_: str) -> None:
    @run.command(kind, help=help_)
    @click.argument("run_id", metavar="RUN")
    @click.option("--reason", default="", help="Why; it is recorded.")
    @output_option
    @with_client
    def tell(client: Client, run_id: str, reason: str, form: str) -> None:
        answer = client.post(f"/api/v1/runs/{part(run_id)}/commands", {"kind": kind, "reason": reason})
        if form == "table":
            click.echo(visible(answer["effect"]))
        else:
            dump(answer, form)


_command("pause", "Pause a run at its next safe point.")
_command("resume", "Let a paused run go on.")
_command("cancel", "Cancel a run for good.")
