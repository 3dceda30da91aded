"""`stead audit`: the trail, its verification here or without any server, checkpoints and exports."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import click

from swarmstead.doors.cli import words
from swarmstead.doors.cli.client import Client
from swarmstead.doors.cli.options import connect, limit_option, with_client
from swarmstead.doors.cli.output import dump, facts, heading, listed, output_option, table
from swarmstead.kernel.clock import rfc3339
from swarmstead.kernel.errors import BadInput, Conflict


def _outcome(data: Mapping[str, Any]) -> str:
    """How a call ended, and by which refusal or failure; '' for rows that are about something else.

    Or what cannot be read of a row that something else has written to.
    """
    if unreadable := data.get("unreadable"):
        return f"cannot be read: {', '.join(unreadable)}"
    verdict, code = str(data.get("verdict", "")), str(data.get("code", ""))
    return f"{verdict}: {code}" if verdict and code else verdict


_COLUMNS: dict[str, Callable[[dict[str, Any]], str | int | None]] = {
    "SEQ": lambda row: row["seq"],
    "WHEN": lambda row: words.age(row["at"]),
    "WHO": lambda row: row["actor"],
    "ACTION": lambda row: row["action"],
    "TARGET": lambda row: row["target"],
    "PHASE": lambda row: row["phase"],
    "OUTCOME": lambda row: _outcome(row["data"]),
    "RUN": lambda row: row["run"],
}
_VERIFY_TIMEOUT_S = 3_600.0
"""The server reads every row before it says a word; it is still there when the connection is."""
CHECKPOINT_WAY_OUT = "Give the file that `stead audit checkpoint --to FILE` wrote."
_to_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), help="A file to write, instead of standard output."
)


class ChainBroken(Conflict):
    """The audit chain does not verify: where it stands is not signed unseen, and nothing more can be said of a file."""

    code = "chain_broken"
    exit_code = 1


@click.group()
def audit() -> None:
    """The audit trail: list, verify, checkpoint, export."""


@audit.command("list")
@click.option("--run", "run_id", default="", help="Only rows of this run.")
@click.option("--actor", default="", help="Only rows of this actor, e.g. key:k_….")
@click.option("--action", default="", help="Only this action, e.g. tool.call.")
@limit_option
@output_option
@with_client
def list_(client: Client, run_id: str, actor: str, action: str, limit: int, form: str) -> None:
    """List the trail, newest first."""
    page = client.page("/api/v1/audit", limit, run=run_id, actor=actor, action=action)
    listed(page, form, _COLUMNS, empty="No row matches.")


@audit.command()
@click.option("--file", "export", type=click.Path(path_type=Path), help="Verify this export, without any server.")
@click.option("--checkpoint", "signed", type=click.Path(path_type=Path), help="A checkpoint that was kept elsewhere.")
@click.option("--public-key", default="", help="With --file: the key that the checkpoint has to be signed by (base64).")
@click.option("--server", metavar="URL", help="The server's address. [STEAD_SERVER; else the one started last here]")
@click.option("--key-file", type=click.Path(path_type=Path, dir_okay=False), help="A file that holds the API key.")
@output_option
def verify(
    export: Path | None, signed: Path | None, public_key: str, server: str | None, key_file: Path | None, form: str
) -> int:
    """Verify the hash chain: the server's, or an export's with --file.

    A checkpoint also shows rows that were cut off at the end. Exit 1 when something is wrong.
    """
    if public_key and (export is None or signed is None):
        raise BadInput(
            "--public-key checks a checkpoint's signature on an export.",
            field="--public-key",
            way_out="Give --file and --checkpoint too; a server uses its own key.",
        )
    if export is not None:
        from swarmstead.doors.cli import offline

        answer = offline.verify(export, signed, public_key)
    else:
        body = {"checkpoint": _without_key(read_checkpoint(signed))} if signed else {}
        answer = _verified(connect(server, key_file), body)
    if form == "table":
        _show(answer)
    else:
        dump(answer, form)
    return 0 if answer["ok"] else 1


@audit.command()
@_to_option
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--broken", is_flag=True, help="Sign the chain as it stands, even where it does not verify.")
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["table", "json", "yaml"]),
    default="json",
    show_default=True,
    help="How to print; a file is always JSON.",
)
@with_client
def checkpoint(client: Client, to: Path | None, form: str, *, force: bool, broken: bool) -> None:
    """Verify the chain, and sign where it stands now. Keep the answer away from the server.

    `verify --checkpoint` takes it as JSON. An older checkpoint shows what was rewritten or cut off since it was signed,
    so no file is written over.
    """
    if not force:
        _refuse_existing(to)
    found = _verified(client, {})
    if not broken:
        _refuse_broken(found)
    signed = client.post("/api/v1/audit:checkpoint")
    if to is not None:
        _write([f"{json.dumps(signed, indent=2)}\n".encode()], to)
    elif form == "table":
        facts(signed)
    else:
        dump(signed, form)
    if not found["ok"]:
        click.echo(f"Signed as it stands. {_first_problem(found)}", err=True)


@audit.command()
@_to_option
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["jsonl", "table", "json", "yaml"]),
    default="jsonl",
    show_default=True,
    help="How to print; only jsonl can be verified again.",
)
@with_client
def export(client: Client, to: Path | None, form: str) -> None:
    """Write the whole chain as JSON lines, oldest first; `verify --file` checks it without a server."""
    pieces = client.chunks("/api/v1/audit:export")
    if form == "jsonl":
        _write(pieces, to)
        return
    if to is not None:
        raise BadInput(
            "A file is written as JSON lines, which can be verified.",
            field="--output",
            way_out="Leave -o out, or --to.",
        )
    rows = [json.loads(line) for line in b"".join(pieces).splitlines()]
    listed({"items": rows, "next": None}, form, _COLUMNS | {"WHEN": _when})


def _when(row: dict[str, Any]) -> str:
    return rfc3339(row["at"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's file. Fails: BadInput."""
    wanted = {"tenant", "seq", "hash", "at", "key_id", "signature"}
    try:
        found: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(
            f"The checkpoint {path} cannot be read: {error.strerror}.",
            field="--checkpoint",
            way_out=CHECKPOINT_WAY_OUT,
        ) from error
    except (ValueError, RecursionError):
        found = None
    fields = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    if not wanted <= fields.keys():
        raise BadInput(
            f"{path} is not a checkpoint.",
            field="--checkpoint",
            way_out=CHECKPOINT_WAY_OUT,
        )
    return fields


def _refuse_existing(to: Path | None) -> None:
    if to is not None and os.path.lexists(to):
        raise BadInput(
            f"{to} is there already, and an older checkpoint still proves what a newer one cannot. Nothing was signed.",
            field="--to",
            way_out="Name another file, or write over this one with --force.",
        )


def _verified(client: Client, body: Mapping[str, Any]) -> dict[str, Any]:
    return client.post("/api/v1/audit:verify", body, timeout_s=_VERIFY_TIMEOUT_S)


def _refuse_broken(answer: Mapping[str, Any]) -> None:
    if not answer["ok"]:
        raise ChainBroken(
            f"{_first_problem(answer)} Nothing was signed.",
            way_out="`stead audit verify` names everything that is wrong. Sign it as it stands with --broken.",
        )


def _first_problem(answer: Mapping[str, Any]) -> str:
    first = answer["problems"][0]
    return f"The chain is broken, first at row {first['seq']}: {first['problem']}."


def _without_key(signed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in signed.items() if name != "public_key"}


def _show(answer: Mapping[str, Any]) -> None:
    facts(
        {
            "chain": "ok" if answer["ok"] else "fail",
            "checked": f"{answer['checked']} rows",
            "head": f"{answer['head']['seq']} {answer['head']['hash']}",
            "checkpoint": answer.get("signature"),
        }
    )
    if answer["problems"]:
        heading("What is wrong")
        table(["ROW", "PROBLEM"], [[one["seq"], one["problem"]] for one in answer["problems"]])


def _write(pieces: Iterable[bytes], to: Path | None) -> None:
    """To standard output, or to a file that is there whole or not at all and is its owner's only."""
    if to is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    temporary = to.with_name(f".{to.name}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(to)
    except OSError as error:
        raise BadInput(
            f"{to} cannot be written: {error.strerror}.", field="--to", way_out="Choose another file."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    click.echo(f"Wrote {to}.", err=True)
