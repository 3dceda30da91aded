"""`stead apply`, `get`, `diff` and `schema`: what people declare, whatever its kind."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from swarmstead.doors.cli import manifests, words
from swarmstead.doors.cli.client import Client, part
from swarmstead.doors.cli.options import limit_option, with_client
from swarmstead.doors.cli.output import (
    coloured_diff,
    digest_cell,
    document,
    document_option,
    dump,
    facts,
    heading,
    listed,
    output_option,
    visible,
)
from swarmstead.kernel.errors import BadInput

KINDS = ("Agent", "Binding", "FeatureFlag", "Model", "Policy", "Swarm", "ToolServer", "ToolSet")
_SHORTEST_DIGEST = 6  # fewer digits are the number of a version
_MOST_VERSIONS = 10_000
_COLUMNS: dict[str, Callable[[dict[str, Any]], str | int | None]] = {
    "NAME": lambda one: one["name"],
    "VERSION": lambda one: one["version"],
    "DIGEST": lambda one: digest_cell(one["digest"]),
    "OWNER": lambda one: one["owner"],
    "SINCE": lambda one: words.age(one["created_at"]),
}


def kind_of(text: str, kinds: Sequence[str] = KINDS) -> str:
    """`agents` -> `Agent`: any case, plural or not. Fails: BadInput."""
    plain = text.lower().replace("-", "").replace("_", "")
    for kind in kinds:
        if plain in (kind.lower(), f"{kind.lower()}s"):
            return kind
    raise BadInput(f"There is no kind {text!r}.", field="KIND", way_out=f"Kinds are {', '.join(kinds)}.")


@click.command()
@click.option("-f", "--file", "files", multiple=True, required=True, metavar="FILE|DIR|-", help="YAML; repeatable.")
@click.option("--dry-run", is_flag=True, help="Check everything and say what would change; change nothing.")
@click.option("--strict", is_flag=True, help="Refuse what names things that nobody has declared, instead of warning.")
@output_option
@with_client
def apply(client: Client, files: tuple[str, ...], form: str, *, dry_run: bool, strict: bool) -> None:
    """Declare what YAML files say: all of it, or nothing when there is a fault.

    A name that nobody has declared yet is a warning on standard error, so that files may come in any order.
    """
    done = manifests.apply(client, manifests.read_all(files), dry_run=dry_run, strict=strict)
    report(done, form, dry_run=dry_run)


def report(done: Mapping[str, Any], form: str, *, dry_run: bool = False) -> None:
    """Print what apply did, or would do."""
    columns: dict[str, Callable[[dict[str, Any]], str | int | None]] = {
        "KIND": lambda one: one["kind"],
        "NAME": lambda one: one["name"],
        "WOULD BE" if dry_run else "WAS": lambda one: one["action"],
        "DIGEST": lambda one: digest_cell(one["digest"]),
    }
    listed(done, form, columns)
    warn(done["items"])


def warn(done: Iterable[Mapping[str, Any]]) -> None:
    """Say on standard error what the server warns of, about each resource that was applied or deleted."""
    for one in done:
        for warning in one.get("warnings", ()):
            click.echo(visible(f"Warning: {one['kind']} {one['name']}: {warning}"), err=True)


@click.command()
@click.argument("kind")
@click.argument("name")
@output_option
@with_client
def delete(client: Client, kind: str, name: str, form: str) -> None:
    """Take back what is declared: a Binding, say, and with it the access that it gave.

    Its versions stay, and any of them can be applied again. What still names it is a warning on standard error.
    """
    kind = kind_of(kind)
    done = client.delete(f"/api/v1/resources/{kind}/{part(name)}")
    if form != "table":
        dump(done, form)
    else:
        version = words.short(done["digest"]) if "digest" in done else "DIGEST"  # which older servers do not tell
        back = f"stead get {kind.lower()} {name} --digest {version} -o yaml | stead apply -f -"
        click.echo(visible(f"Deleted {kind} {name}. Its versions stay; this brings it back: {back}"), err=True)
    warn([done])


@click.command()
@click.argument("kind")
@click.argument("name", required=False)
@click.option("--digest", default="", help="This version instead of the current one; the first digits will do.")
@limit_option
@output_option
@with_client
def get(client: Client, kind: str, name: str | None, digest: str, limit: int, form: str) -> None:
    """List what is declared of a KIND, or show one NAME.

    -o yaml prints what `stead apply -f -` takes back.
    """
    kind = kind_of(kind)
    if name is None:
        if digest:
            raise BadInput("--digest needs a name.", field="NAME", way_out=f"Write `stead get {kind.lower()} NAME`.")
        page = client.page("/api/v1/resources", limit, kind=kind)
        if form == "yaml":
            document("---\n".join(one["manifest"] for one in page["items"]))
        else:
            listed(page, form, _COLUMNS, empty=f"No {kind} is declared.")
        return
    digest = version(client, kind, name, digest)["digest"] if digest else ""
    found = client.get(f"/api/v1/resources/{kind}/{part(name)}", digest=digest)
    show(found, form)


def show(found: dict[str, Any], form: str) -> None:
    """Print one version of a resource."""
    if form == "json":
        dump(found, form)
        return
    if form == "table":
        names = ("kind", "name", "version", "digest", "owner", "created_by")
        facts({name.replace("_", " "): found[name] for name in names} | {"since": words.age(found["created_at"])})
        heading("Manifest")
    document(found["manifest"])


def version(client: Client, kind: str, name: str, wanted: str) -> dict[str, Any]:
    """A version by number, digest or the first digits of its digest. Fails: BadInput."""
    path = f"/api/v1/resources/{kind}/{part(name)}/versions"
    versions: list[dict[str, Any]] = client.page(path, _MOST_VERSIONS)["items"]
    if wanted.isdigit() and len(wanted) < _SHORTEST_DIGEST:
        found = [one for one in versions if one["version"] == int(wanted)]
    else:
        plain = wanted.removeprefix("sha256:")
        found = [one for one in versions if plain and one["digest"].removeprefix("sha256:").startswith(plain)]
    if len(found) == 1:
        return found[0]
    fault = f"has no version {wanted!r}" if not found else f"has several versions that begin with {wanted!r}"
    known = ", ".join(f"{one['version']} ({words.short(one['digest'])})" for one in versions[:10])
    raise BadInput(f"{kind} {name!r} {fault}.", way_out=f"It has {known}.", field="digest")


def versions_table(page: Mapping[str, Any], form: str) -> None:
    """Print versions, newest first."""
    columns: dict[str, Callable[[dict[str, Any]], str | int | None]] = {
        "VERSION": lambda one: one["version"],
        "DIGEST": lambda one: digest_cell(one["digest"]),
        "BY": lambda one: one["created_by"],
        "SINCE": lambda one: words.age(one["created_at"]),
    }
    listed(page, form, columns)


@click.command()
@click.argument("kind")
@click.argument("name")
@click.option("--from", "from_", default="", metavar="VERSION", help="Number or digest. [the one before --to]")
@click.option("--to", default="", metavar="VERSION", help="Number or digest. [the current one]")
@output_option
@with_client
def diff(client: Client, kind: str, name: str, from_: str, to: str, form: str) -> None:
    """Compare two versions of what is declared, line by line."""
    compare(client, kind_of(kind), name, from_, to, form)


def compare(client: Client, kind: str, name: str, from_: str, to: str, form: str) -> None:
    """Print the difference of two versions."""
    path = f"/api/v1/resources/{kind}/{part(name)}"
    newer = version(client, kind, name, to) if to else client.get(path)
    if not from_ and newer["version"] == 1:
        raise BadInput(
            f"{kind} {name!r} has no version before {words.short(newer['digest'])}.",
            field="--from",
            way_out="Name two versions with --from and --to.",
        )
    older = version(client, kind, name, from_ or str(newer["version"] - 1))
    found = client.get(f"{path}/diff", **{"from": older["digest"], "to": newer["digest"]})
    if form != "table":
        dump(found, form)
        return
    click.echo(f"--- {kind}/{name} version {older['version']} {words.short(older['digest'])}")
    click.echo(f"+++ {kind}/{name} version {newer['version']} {words.short(newer['digest'])}")
    coloured_diff([(line["op"], line["text"]) for line in found["lines"]])


@click.command()
@click.argument("kind")
@document_option
def schema(kind: str, form: str) -> None:
    """Print what a KIND's documents may hold, as JSON Schema. Needs no server."""
    name = kind_of(kind, (*KINDS, "IdentityProvider"))
    from swarmstead.parts import OPERATOR_KINDS
    from swarmstead.resources.manifests import schema_of
    from swarmstead.wiring import KINDS as DECLARED

    dump(schema_of((DECLARED | OPERATOR_KINDS)[name]), form)
