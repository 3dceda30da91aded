"""`stead doctor`: looks at what a server here needs, changes nothing, and says how to mend what is wrong."""

from pathlib import Path
from typing import Any

import click

from swarmstead.doors.cli.output import dump, output_option, painted, visible


@click.command()
@click.option("--host", help="As for `stead up`.")
@click.option("--port", type=click.IntRange(0, 65_535), help="As for `stead up`.")
@click.option("--data", type=click.Path(path_type=Path), help="As for `stead up`.")
@click.option("--server", metavar="URL", help="The server to look at. [STEAD_SERVER; else the one started last here]")
@click.option("--key-file", type=click.Path(path_type=Path, dir_okay=False), help="A file that holds the API key.")
@output_option
def doctor(
    *, host: str | None, port: int | None, data: Path | None, server: str | None, key_file: Path | None, form: str
) -> int:
    """Say what is missing or wrong here, and how to mend it. Exit 1 when something fails."""
    from swarmstead.doors.cli import checks

    found = checks.every({"host": host, "port": port, "data": data}, server, key_file)
    failed = any(check.status == "fail" for check in found)
    if form == "table":
        _show(found)
    else:
        items: list[dict[str, Any]] = [
            {"name": check.name, "status": check.status, "detail": check.detail, "mend": check.mend} for check in found
        ]
        dump({"ok": not failed, "checks": items}, form)
    return 1 if failed else 0


def _show(found: list[Any]) -> None:
    width = max(len(check.name) for check in found)
    for check in found:
        mark = painted(check.status) + " " * (4 - len(check.status))
        click.echo(f"{mark}  {check.name:<{width}}  {visible(check.detail)}")
        if check.mend:
            click.echo(f"{' ' * (width + 8)}{click.style('mend', fg='cyan')}: {visible(check.mend)}")
