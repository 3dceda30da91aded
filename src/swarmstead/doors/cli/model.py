"""`stead model`: which models think, and adding one."""

from typing import Any

import click

from swarmstead.doors.cli import declare
from swarmstead.doors.cli.client import Client
from swarmstead.doors.cli.options import with_client
from swarmstead.doors.cli.output import listed, output_option
from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.secrets import is_reference

_PROVIDERS = ("openai", "anthropic", "google", "ollama", "local")


@click.group()
def model() -> None:
    """Models: list, add."""


@model.command("list")
@output_option
@with_client
def list_(client: Client, form: str) -> None:
    """List models, and what each lacks before it can answer."""
    listed(
        client.get("/api/v1/models"),
        form,
        {
            "MODEL": lambda one: one["name"],
            "PROVIDER": lambda one: one["provider"],
            "NAME THERE": lambda one: one["model"],
            "ANSWERS": lambda one: one["kind"],
            "ADDRESS": lambda one: one["base_url"],
            "LACKS": lambda one: one["missing"]["what"] if one["missing"] else "",
        },
        empty="No model is declared.",
    )


@model.command()
@click.argument("name")
@click.option("--provider", type=click.Choice(_PROVIDERS), required=True, help="Who answers.")
@click.option("--model", "model_name", default="", help="The provider's name for the model; not for `local`.")
@click.option("--base-url", default="", help="Where it listens, when it is not the provider's usual address.")
@click.option("--key", default="", metavar="env:NAME|file:/PATH", help="Where the server finds the key; never the key.")
@click.option("--input-price", default="", metavar="USD", help="US dollars per million input tokens.")
@click.option("--output-price", default="", metavar="USD", help="US dollars per million output tokens.")
@click.option("--max-output-tokens", type=int, help="The most tokens that one reply may have.")
@click.option("--timeout", type=int, help="How long one reply may take, in seconds.")
@output_option
@with_client
def add(
    client: Client,
    *,
    name: str,
    provider: str,
    model_name: str,
    base_url: str,
    key: str,
    input_price: str,
    output_price: str,
    max_output_tokens: int | None,
    timeout: int | None,
    form: str,
) -> None:
    """Declare a model; an agent uses it by NAME (`model: NAME`, or --override-model AGENT=NAME at a start)."""
    spec: dict[str, Any] = {"provider": provider, "model": model_name, "base_url": base_url, "api_key": _checked(key)}
    if bool(input_price) != bool(output_price):
        raise BadInput(
            "A price has two parts.",
            field="--input-price",
            way_out="Give --input-price and --output-price, or neither.",
        )
    if input_price:
        spec["price"] = {"input_per_million_usd": input_price, "output_per_million_usd": output_price}
    spec |= {"max_output_tokens": max_output_tokens, "timeout_s": timeout}
    declare.declare(client, "Model", name, spec, form)
    lack = next((one["missing"] for one in client.get("/api/v1/models")["items"] if one["name"] == name), None)
    if lack:
        click.echo(f"Not ready yet: {lack['what']} {lack['way_out']}", err=True)


def _checked(key: str) -> str:
    """A reference, or nothing. What may be a pasted key is neither sent nor repeated."""
    if key and not is_reference(key):
        raise BadInput(
            "--key takes a reference to a key, not the key. It was not sent; if it is a real key, replace it: "
            "it stands in your shell's history.",
            field="--key",
            way_out="Put the key into the server's environment or a file: --key env:NAME or --key file:/absolute/path.",
        )
    return key
