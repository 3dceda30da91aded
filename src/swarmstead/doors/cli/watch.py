"""A run as it happens: one line an event, and at the end what came of it."""

import sys
from collections.abc import Callable
from typing import Any

import click

from swarmstead.doors.cli import words
from swarmstead.doors.cli.client import Client, Refused, part
from swarmstead.doors.cli.follow import Follower
from swarmstead.doors.cli.output import dump, facts, heading, painted, visible
from swarmstead.kernel.money import usd_text

WAITS = 3
_FINISHED = {"length": ", cut at its output limit", "content_filter": ", filtered by the provider"}
_WAITING = {"approval.asked", "run.waiting"}
_OVER = {"approval.decided", "approval.expired", "run.resumed", "run.finished"}


class Watcher:
    """Turns the events of one run into lines. It remembers who is who, and what every agent asked for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._agents: dict[str, str] = {}
        self._calls: dict[str, str] = {}
        self.spent = 0
        self.tokens = 0
        self.working: set[str] = set()

    def line(self, event: dict[str, Any]) -> str:
        """The line for an event: time, who, what."""
        data: dict[str, Any] = event["data"]
        said = _LINES.get(event["kind"], _plain)(self, event, data)
        at_work = data.get("agent_run") or data.get("from") or str(event["step"] or "").partition("/")[0]
        who = self._agents.get(str(at_work), "")
        return f"{click.style(words.clock_time(event['at']), dim=True)}  {visible(who):<16}  {said}"

    def status(self, status: str) -> str:
        """The line that stands below the others while the run goes on."""
        agents = f"{len(self.working)} agents at work" if len(self.working) != 1 else "1 agent at work"
        return f"{painted(status)} · {agents} · {self.tokens} tokens · {usd_text(self.spent)}"

    # One method for each kind of event ------------------------------------------------------------------------------

    def started(self, _event: dict[str, Any], data: dict[str, Any]) -> str:
        """An agent begins."""
        self._agents[data["agent_run"]] = data["agent"]
        self.working.add(data["agent_run"])
        return "begins"

    def finished(self, _event: dict[str, Any], data: dict[str, Any]) -> str:
        """An agent is done."""
        self.working.discard(data["agent_run"])
        fault = f": {visible(str(data['error'].get('message', '')))}" if data.get("error") else ""
        return f"{painted(str(data['status']))}{fault}"

    def delegated(self, _event: dict[str, Any], data: dict[str, Any]) -> str:
        """An agent gives a task to another."""
        self._agents[data["to"]] = data["agent"]
        why = f": {visible(data['why'])}" if data.get("why") else ""
        return f"gives a task to {visible(data['agent'])}{why}"

    def thought(self, event: dict[str, Any], data: dict[str, Any]) -> str:
        """A model has answered, or failed to."""
        self.spent += int(data.get("spent_micros") or 0)
        self.tokens += int(data.get("input_tokens") or 0) + int(data.get("output_tokens") or 0)
        if data["status"] != "succeeded":
            return f"{painted('failed')}: the model did not answer ({visible(str(data.get('code') or data['status']))})"
        turn = str(event["step"]).rpartition("/")[0]
        calls = [str(name).replace("__", " ") for name in data.get("calls") or ()]
        self._calls |= {f"{turn}/{index}": name for index, name in enumerate(calls)}
        asked = f"asks for {', '.join(calls)}" if calls else "answers"
        asked += _FINISHED.get(str(data.get("finish")), "")
        cost = f", {usd_text(data['spent_micros'])}" if data["spent_micros"] else ""
        if data.get("over_micros"):
            cost += f": {usd_text(data['over_micros'])} more than was possible"
        return f"{visible(asked)} ({visible(str(data['model_kind']))} model{cost})"

    def called(self, event: dict[str, Any], data: dict[str, Any]) -> str:
        """A tool has answered, or was refused."""
        name = self._calls.get(str(event["step"]), "a tool")
        took = f" in {words.duration(data['ms'] / 1000)}" if data.get("ms") is not None else ""
        return f"{visible(name)} {painted(str(data['status']))}{took}"

    def asked(self, _event: dict[str, Any], data: dict[str, Any]) -> str:
        """Something waits for a person. The question is looked up: an event carries no payload."""
        id_ = str(data["approval"])
        try:
            found = self._client.get(f"/api/v1/approvals/{part(id_)}")
        except Refused:
            return f"{painted('waiting')} for a person: {visible(id_)}"
        how = f"  →  stead inbox show {visible(id_)}" if found["status"] == "pending" else ""
        return f"{painted('waiting')} for a person: {visible(found['sentence'])}{how}"


def _turns(_watcher: Watcher, _event: dict[str, Any], data: dict[str, Any]) -> str:
    return f"turn {data['turn']}"


def _decided(_watcher: Watcher, _event: dict[str, Any], data: dict[str, Any]) -> str:
    reason = f": {visible(data['reason'])}" if data.get("reason") else ""
    by = f" by {visible(data['by'])}" if data.get("by") else ""
    return f"{painted(str(data['status']))}{by}{reason}"


def _commanded(_watcher: Watcher, event: dict[str, Any], data: dict[str, Any]) -> str:
    reason = f": {visible(data['reason'])}" if data.get("reason") else ""
    return f"{visible(data['command'])} was asked for by {visible(event['actor'])}{reason}"


def _plain(_watcher: Watcher, event: dict[str, Any], data: dict[str, Any]) -> str:
    status = f" {painted(str(data['status']))}" if data.get("status") else ""
    return f"{visible(event['kind'].replace('.', ' '))}{status}"


_LINES: dict[str, Callable[[Watcher, dict[str, Any], dict[str, Any]], str]] = {
    "agent.started": Watcher.started,
    "agent.finished": Watcher.finished,
    "agent.delegated": Watcher.delegated,
    "turn.started": _turns,
    "model.called": Watcher.thought,
    "tool.called": Watcher.called,
    "approval.asked": Watcher.asked,
    "approval.decided": _decided,
    "approval.expired": _decided,
    "command.accepted": _commanded,
}


class Screen:
    """Lines, and below them one that changes; without a terminal only the lines."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()

    def line(self, text: str, below: str) -> None:
        """Add a line, and show `below` under it."""
        click.echo(f"\r\x1b[K{text}\n{below}" if self._live else text, nl=not self._live)

    def clear(self) -> None:
        """Take the changing line away."""
        if self._live:
            click.echo("\r\x1b[K", nl=False)


def watch(client: Client, run: str, form: str, *, until_waiting: bool) -> int:
    """Show a run until it ends, or until it waits for a person when that is asked for. Answers the exit code."""
    watcher, screen = Watcher(client), Screen()
    status = str(client.get(f"/api/v1/runs/{part(run)}")["status"])
    try:
        for event in Follower(client, run, lambda text: click.echo(f"[{text}]", err=True)).events():
            if form == "table":
                line = watcher.line(event)
                status = _status_after(event, status)
                screen.line(line, watcher.status(status))
            else:
                _streamed(event, form)
            if until_waiting and event["kind"] in _WAITING and _waits_now(client, run):
                break
    except KeyboardInterrupt:
        screen.clear()
        click.echo(f"The run goes on. Watch it again: stead run watch {run}. Stop it: stead run cancel {run}", err=True)
        return 130
    screen.clear()
    found = client.get(f"/api/v1/runs/{part(run)}")
    if form == "table":
        outcome(found)
    if found["finished_at"] is None:
        return WAITS
    return 0 if found["status"] == "succeeded" else 1


def outcome(run: dict[str, Any]) -> None:
    """How a run stands or ended, and its result."""
    error: dict[str, str] = run["error"] or {}
    asks = run["pending_approvals"]
    began, ended = run["started_at"] or run["created_at"], run["finished_at"]
    heading(f"{run['swarm']} {run['id']}")
    facts(
        {
            "status": run["status"],
            "denied": _calls(run["denied"]),
            "in doubt": _in_doubt(run),
            "why": error.get("message") or run["status_reason"],
            "way out": error.get("way_out") or "",
            "took": words.duration(words.between(began, ended)) if ended else "",
            "cost": f"{usd_text(run['spent_micros'])} of {usd_text(run['budget_micros'])}",
            "models": ", ".join(run["model_kinds"]),
            "result": run["result"],
            "waits for": f"{asks} decision{'' if asks == 1 else 's'}: stead inbox list" if asks else "",
        }
    )


def _calls(count: int) -> str:
    return f"{count} call{'' if count == 1 else 's'}" if count else ""


def _in_doubt(run: dict[str, Any]) -> str:
    """Whatever else became of the run: what may have happened is still to be looked at."""
    calls = _calls(run.get("unknown", 0))
    return f"{calls} whose outcome is unknown, and may have happened: stead run show {run['id']}" if calls else ""


def _status_after(event: dict[str, Any], status: str) -> str:
    kind = event["kind"]
    if kind in _WAITING:
        return "waiting"
    if kind == "run.paused":
        return "paused"
    return "running" if kind in _OVER or kind == "run.started" else status


def _streamed(event: dict[str, Any], form: str) -> None:
    if form == "json":
        import json

        click.echo(visible(json.dumps(event, ensure_ascii=False)))
        return
    click.echo("---")
    dump(event, form)


def _waits_now(client: Client, run: str) -> bool:
    found = client.get(f"/api/v1/runs/{part(run)}")
    return found["status"] == "waiting"
