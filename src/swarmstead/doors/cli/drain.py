"""`stead drain`: bring a server's runs to rest before it is stopped, and say when that is done."""

import time

import click

from swarmstead.doors.cli.client import Client, ServerAbsent, ServerCutOff
from swarmstead.doors.cli.options import with_client
from swarmstead.doors.cli.output import dump, facts, output_option

_LOOK_S = 0.3


@click.command()
@click.option("--off", is_flag=True, help="Take runs again, and go on with those that came to rest.")
@click.option("--stop", is_flag=True, help="End the server once nothing is in flight.")
@click.option(
    "--timeout", type=click.IntRange(0, 86_400), default=60, show_default=True, help="Wait for so many seconds."
)
@output_option
@with_client
def drain(client: Client, *, off: bool, stop: bool, timeout: int, form: str) -> int:
    """Take no new runs, let loops come to rest, and wait until nothing is in flight. Exit 1 when that takes too long.

    Model and tool calls in flight end first. Runs go on from where they rest: when the server is started again, or on
    another worker.
    """
    found = client.post("/api/v1/drain", {"on": not off, "stop": stop and not off})
    until = time.monotonic() + timeout
    while not off and found["carrying"] and time.monotonic() < until:
        time.sleep(_LOOK_S)
        try:
            found = client.get("/api/v1/drain")
        except (ServerAbsent, ServerCutOff):
            if not stop:
                raise
            found = {"draining": True, "carrying": 0}
    if form == "table":
        state = "taking runs" if off else "drained" if not found["carrying"] else "draining"
        facts({"server": state, "at work": found["carrying"] or ""})
    else:
        dump(found, form)
    return 1 if found["draining"] and found["carrying"] else 0
