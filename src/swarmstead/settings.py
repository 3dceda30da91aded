"""Every setting of the server, read once at start from `STEAD_…` environment variables; options of `stead up` win.

Each field says its unit, its default and what breaks when it is wrong. They are checked by msgspec: pydantic takes
12 MB, which a gateway that stands alone does not have.
"""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.forms import is_address, no_amount, no_name, no_networks, no_web_address
from swarmstead.kernel.secrets import Secret, is_reference

PREFIX = "STEAD_"
_HEADER = re.compile(r"([A-Za-z0-9_-]{1,100})=(\S{1,1000})")
_RATE = re.compile(r"((?:tenant|role):[A-Za-z0-9_.@-]{1,63})=([0-9]{1,6}(?:\.[0-9]{1,6})?)/([1-9][0-9]{0,5})")
_NEAR = 0.75
_OF_THE_COMMAND_LINE = {f"{PREFIX}KEY", f"{PREFIX}SERVER", f"{PREFIX}CLIENT_CERTIFICATE"}
_BOUND = re.compile(r"Expected `\w+` (>=|<=|>|<) (\S+)")
_BOUNDS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
_ALSO = {"otlp_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT"}  # names that others have given to the same
# Settings that are options of `stead up` as well.
_OPTIONS = {
    "host": " or --host",
    "port": " or --port",
    "data": " or --data",
    "allowed_paths": " or --allow",
    "config": " or --config",
    "config_owner": " or --config-owner",
    "identity_providers": " or --identity-providers",
    "tls_cert": " or --tls-cert",
    "tls_key": " or --tls-key",
    "client_ca": " or --client-ca",
    "client_cert": " or --client-cert",
}


def _default_allowed() -> tuple[Path, ...]:
    return (Path.cwd(), Path.home(), Path(tempfile.gettempdir()))


_NOTHING = Secret("")


@dataclass(frozen=True)
class Settings:
    """The settings tree. Immutable; made by `load`."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but a loopback address shows the server to the network: put TLS in front of it."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8700
    """TCP port; 0 takes a free one and prints it."""
    data: Path = Path("data")
    """Folder for the database file, keys and the lock. On another disk than expected, an upgrade starts empty."""
    database_url: Secret = _NOTHING
    """`postgresql://…` for many workers; empty keeps everything in one SQLite file under `data`."""
    bootstrap_key: Secret = _NOTHING
    """An admin key to make known at start, for automation; at least 16 characters, and random ones: nobody but you can
    say how hard it is to guess, and whoever guesses it is an admin."""
    allowed_paths: tuple[Path, ...] = field(default_factory=_default_allowed)
    """Folders that runs may name repositories in, separated by ':'. Default: where the server was started, the home
    folder and the folder for temporary files. Too wide, and an operator's run can read any repository of this user."""
    config: tuple[Path, ...] = ()
    """Files and folders of manifests, separated by ':': applied to the tenant `default`, at start and at changes."""
    config_owner: str = "config"
    """Whose `config` is: what its files declare no longer is taken back where this owner has declared it. The same for
    servers that share a database and the files; where the files differ, each set needs an owner of its own, or they
    take back each other's."""
    user_day_usd: str = "5"
    """US dollars that the runs of one user may spend in a UTC day."""
    tenant_day_usd: str = "50"
    """US dollars that a tenant may spend in a UTC day."""
    call_timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    """Seconds that one tool call may take before its outcome counts as unknown; a ToolServer's `limits.timeout_s` wins.
    Too short, and calls that would have worked end as unknown; too long, and what hangs keeps its slot."""
    rate_per_identity: Annotated[float, Meta(ge=0, le=1_000_000)] = 5.0
    """Tool calls a second of one key or person, and of one agent run; 0 for no limit. Calls from outside that exceed it
    get 429, those inside a run wait. Too high, and one client can use up a tenant's share."""
    burst_per_identity: Annotated[int, Meta(ge=1, le=1_000_000)] = 10
    """Tool calls that one identity may make at once before `rate_per_identity` holds."""
    rate_per_tenant: Annotated[float, Meta(ge=0, le=1_000_000)] = 50.0
    """Tool calls a second of all identities of a tenant; 0 for no limit. Too low, and large swarms crawl."""
    burst_per_tenant: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    """Tool calls that a tenant may make at once before `rate_per_tenant` holds."""
    rates: Mapping[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])
    """Other rates, as RATE/BURST: `tenant:acme=100/200 role:admin=20/40`. Of an identity's roles the best holds.
    A name that is mistyped changes nothing, and nobody is told."""
    tool_concurrency: Annotated[int, Meta(ge=1, le=10_000)] = 16
    """Calls of one tool of one tenant at a time, in each process. Too high, and a slow server is overrun."""
    tenant_concurrency: Annotated[int, Meta(ge=1, le=100_000)] = 64
    """Tool calls of one tenant at a time, in each process."""
    search_concurrency: Annotated[int, Meta(ge=1, le=1_000)] = 2
    """Tool searches of one tenant at a time, in each process; others wait up to 5 s. Each takes a processor: as many as
    there are of those, and a tenant's searches slow down everybody's calls."""
    server_sessions: Annotated[int, Meta(ge=1, le=100_000)] = 128
    """Sessions with tool servers at a time, in each process; a program each where the server is one. Too many, and
    programs fill the memory."""
    server_sessions_per_tenant: Annotated[int, Meta(ge=1, le=100_000)] = 64
    """Of these, the most of one tenant. As many as `server_sessions`, and one tenant can take them all."""
    server_sessions_per_identity: Annotated[int, Meta(ge=1, le=100_000)] = 32
    """Of these, the most of one key, person or agent, which has one per server and MCP session. Sessions that are not
    in use make room; where none can, the call gets 429."""
    overload: Literal["fail-fast", "queue", "shed"] = "fail-fast"
    """What a call from outside gets when there is no room: `fail-fast` 429 at once, `queue` a place in the queue,
    `shed` a place unless it is a heavy call. Inside a run calls always queue."""
    queue: Annotated[int, Meta(ge=0, le=100_000)] = 256
    """Calls that may wait for room at one tool, or at one tenant. At 0 a swarm's calls fail as soon as they collide."""
    queue_wait_s: Annotated[float, Meta(ge=0, le=600)] = 5.0
    """Seconds that a call from outside waits for room at most."""
    expensive_per_run: Annotated[int, Meta(ge=0, le=10_000)] = 3
    """How often one run may call each tool that a ToolServer lists as expensive."""
    breaker_share: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Share of failures from which on a tool or its server is left alone. Too low, and one bad minute will do."""
    breaker_calls: Annotated[int, Meta(ge=1, le=100_000)] = 5
    """Calls within `breaker_window_s` that it takes to say so. At 1 a single failure is enough."""
    breaker_window_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    """Seconds of the past that a breaker looks at."""
    breaker_rest_s: Annotated[float, Meta(ge=0.1, le=3600)] = 10.0
    """Seconds that it leaves it alone at first; doubled with each probe that fails, twelvefold at most."""
    retry_attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    """How often the gateway sends a call in all, where repeating it is safe; 1 for never again."""
    retry_share: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Retries per call that a tool server gets over time. Too high, and retries keep a server down that has failed."""
    listed_tools: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    """The most tools that `tools/list` shows a client. Where there are more it shows `search_tools`,
    `describe_tools` and `apply_plan` instead; the others are called by the names that those tell."""
    plan_life_s: Annotated[int, Meta(ge=10, le=2_592_000)] = 86_400
    """Seconds that a question waits for a person before it expires."""
    drain_s: Annotated[int, Meta(ge=0, le=3600)] = 30
    """Seconds that a worker which is told to stop gives its model and tool calls to end; then they are cut."""
    header_timeout_s: Annotated[int, Meta(ge=1, le=600)] = 5
    """Seconds a client has to send its headers."""
    read_timeout_s: Annotated[int, Meta(ge=1, le=3600)] = 30
    """Seconds a client has to send its body, and one more for each 64 KiB that came. Too short, and slow lines fail."""
    write_timeout_s: Annotated[int, Meta(ge=1, le=3600)] = 30
    """Seconds after which a connection is dropped whose client reads nothing of what we have for it."""
    idle_timeout_s: Annotated[int, Meta(ge=1, le=3600)] = 60
    """Seconds that a connection is kept between two requests. A proxy in front must let go of it earlier than this."""
    max_connections: Annotated[int, Meta(ge=1, le=1_000_000)] = 800
    """HTTP connections at a time, in each process. Beyond, the one that was idle longest is closed; where none is idle,
    the new one. Too low, and clients are cut off while each tab of the web UI holds one; more than the process has file
    descriptors for (often 1,024, of which tool servers and the database need some), and it can open nothing more."""
    streams_per_identity: Annotated[int, Meta(ge=1, le=100_000)] = 64
    """Streams that one key or person may hold open in each process: MCP subscriptions, streams of MCP sessions, events.
    Each tab of the web UI holds one. Too low, and clients hear of changes late; too high, and one client can use up the
    connections of all."""
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1_073_741_824)] = 4_194_304
    """Largest request body; a larger one gets 413."""
    max_argument_characters: Annotated[int, Meta(ge=16, le=16_777_216)] = 65_536
    """Characters of one string in a tool call's arguments, where the tool's schema declares no larger `maxLength`."""
    max_argument_items: Annotated[int, Meta(ge=1, le=1_000_000)] = 1_000
    """Members of one array or object in a tool call's arguments, where the schema declares no larger bound."""
    max_argument_depth: Annotated[int, Meta(ge=3, le=64)] = 32
    """Arrays and objects inside each other in a tool call's arguments."""
    max_argument_bytes: Annotated[int, Meta(ge=1024, le=16_777_216)] = 1_048_576
    """All arguments of a tool call. Too small, and tools that write files refuse large ones."""
    max_result_bytes: Annotated[int, Meta(ge=1024, le=16_777_216)] = 4_194_304
    """What a tool answers; a larger answer is refused, though what the tool has done is done."""
    egress_allow: str = ""
    """Hosts that tool servers and models may have beside public ones over https: `host`, `*.domain`, an address or
    `network/bits`, each with an optional `:port`, separated by commas. A server that listens on loopback may reach
    loopback as well. Too wide, and whoever declares a tool server can reach into the network behind this one."""
    egress_block: str = ""
    """What may never be reached, in the same form. Wins over everything else."""
    egress_public: Literal["allow", "deny"] = "allow"
    """`deny`: only what `egress_allow` lists is reached."""
    public_url: str = ""
    """How browsers reach the server behind a proxy; checked against Origin. Empty: host and port."""
    trusted_proxies: str = ""
    """Addresses or `network/bits` of the proxies in front, with commas between: their `X-Forwarded-For` and
    `X-Forwarded-Proto` are believed. Too narrow, and one who guesses keys through a proxy slows all its clients down;
    too wide, and whoever guesses can say that he is somebody else."""
    identity_providers: Path | None = None
    """A YAML file of `IdentityProvider`s: issuers whose JWTs are let in. Who can write it can let anybody in."""
    tls_cert: Path | None = None
    """The server's certificate with its chain (PEM): the server speaks TLS itself. With `tls_key`."""
    tls_key: Path | None = None
    """The private key of `tls_cert` (PEM, without a passphrase)."""
    client_ca: Path | None = None
    """CA certificates (PEM) that client certificates must come from. Whoever these CAs vouch for may knock."""
    client_cert: Literal["optional", "required"] = "optional"
    """Whether a connection without a client certificate is taken. Only with `client_ca`."""
    otlp_endpoint: str = ""
    """Where traces go: a collector that speaks OTLP over HTTP, such as `http://127.0.0.1:4318`; `/v1/traces` is added.
    `OTEL_EXPORTER_OTLP_ENDPOINT` is read as well. Empty: nothing is traced. Whoever listens there learns what is
    called and how that ends, never with what."""
    otlp_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Headers for it, each with where its value is found: `authorization=env:OTLP_TOKEN x-tenant=file:/run/tenant`."""
    trace_calls: Annotated[float, Meta(ge=0, le=1)] = 0.01
    """Share of calls from outside that are traced. At 1 a call takes two thirds more CPU."""
    trace_runs: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Share of runs that are traced: whole ones, with their calls."""
    trace_followed_per_s: Annotated[float, Meta(ge=0, le=10_000)] = 1.0
    """Sampled traces a second that each tenant's clients may have us take part in beside that share, per process; 0 for
    none. Too high, and clients decide what tracing costs."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """debug, info, warning or error."""
    log_json: bool = False
    """One JSON object per line instead of text for people."""

    @property
    def url(self) -> str:
        """The database's URL. Never log it: it may hold a password."""
        text = self.database_url.get_secret_value()
        if text:
            return text.replace("postgres://", "postgresql://", 1) if text.startswith("postgres://") else text
        return f"sqlite:///{self.data.resolve() / 'stead.db'}"

    @property
    def single_process(self) -> bool:
        """Whether one process owns the database: SQLite."""
        return not self.database_url.get_secret_value()


def _split(text: str) -> list[str]:
    return [str(Path(part).expanduser()) for part in text.split(":") if part]


def _rates(text: str) -> dict[str, tuple[float, int]]:
    found = [_RATE.fullmatch(part) for part in text.split()]
    if not all(found):
        raise ValueError("must be like tenant:acme=100/200 role:admin=20/40: calls a second, and at once")
    return {one[1]: (float(one[2]), int(one[3])) for one in found if one}


def _headers(text: str) -> dict[str, str]:
    found = [_HEADER.fullmatch(part) for part in text.split()]
    if not all(one and is_reference(one[2]) for one in found):  # it may be a pasted secret, so it is not repeated
        raise ValueError("must be like authorization=env:OTLP_TOKEN: a name, and where the value is found")
    return {one[1].lower(): one[2] for one in found if one}


def _truth(text: str) -> bool:
    for words, meaning in _TRUTH:
        if text.lower() in words:
            return meaning
    raise ValueError("must be true or false")


_TRUTH = (({"true", "yes", "on", "1", "t", "y"}, True), ({"false", "no", "off", "0", "f", "n"}, False))
# How a text of the environment becomes what the field holds, where msgspec does not know. Fails: ValueError.
_READ: Mapping[str, Callable[[str], Any]] = {
    "allowed_paths": _split,
    "config": _split,
    "rates": _rates,
    "otlp_headers": _headers,
    "log_json": _truth,
    "log_level": str.lower,
}


def _fault(settings: Settings) -> tuple[str, str] | None:
    """The first field whose value is wrong though its type is right, and why."""
    for name, problem in (
        ("database_url", _no_database(settings.database_url.get_secret_value())),
        ("config_owner", no_name(settings.config_owner)),
        ("user_day_usd", no_amount(settings.user_day_usd)),
        ("tenant_day_usd", no_amount(settings.tenant_day_usd)),
        ("public_url", no_web_address(settings.public_url)),
        ("trusted_proxies", no_networks(settings.trusted_proxies)),
        ("otlp_endpoint", _no_collector(settings.otlp_endpoint)),
    ):
        if problem:
            return name, problem
    if (settings.tls_cert is None) != (settings.tls_key is None):
        return "tls_cert", "tls_cert and tls_key go together"
    if settings.client_ca is not None and settings.tls_cert is None:
        return "client_ca", "it needs tls_cert and tls_key: a client certificate is shown to a TLS server only"
    if settings.client_cert == "required" and settings.client_ca is None:
        return "client_cert", "it needs client_ca: who is to vouch for the certificates?"
    return None


def _no_database(text: str) -> str:
    if text and not text.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        return "must start with postgresql://; leave it empty for the SQLite file under --data"
    return "" if is_address(text) else "is no address; write special characters of the password as %XX"


def _no_collector(text: str) -> str:
    if any(mark in text for mark in "@?#"):
        return "must hold no user, no password and no parameters; put secrets into otlp_headers"
    return no_web_address(text)


def _refuse_misspelt(source: Mapping[str, str]) -> None:
    """A setting that nobody reads is seldom meant. Other names that begin like ours are left alone."""
    known = {one.name.upper() for one in fields(Settings)}
    for name in source:
        word = name.removeprefix(PREFIX)
        if word == name or word in known or not (near := get_close_matches(word, known, 1, _NEAR)):
            continue
        raise BadInput(
            f"There is no setting {name}; {PREFIX}{near[0]} reads like it.",
            field=name,
            way_out=f"Write {PREFIX}{near[0]}, or take {name} out of the environment.",
        )


def strangers(environment: Mapping[str, str]) -> list[str]:
    """Variables named like settings that nobody reads, here or in the command line."""
    known = {PREFIX + one.name.upper() for one in fields(Settings)} | _OF_THE_COMMAND_LINE
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def refuse_missing_folders(settings: Settings) -> None:
    """Fails: BadInput for a folder that is allowed by name and is not there: a typing error would look like a ban."""
    for path in () if settings.allowed_paths == _default_allowed() else settings.allowed_paths:
        if not path.is_dir():
            raise _refused("allowed_paths", f"there is no folder {path}")


def load(environment: Mapping[str, str] | None = None, **options: Any) -> Settings:
    """Settings from the environment; `options` that are not None win. Fails: BadInput, naming the variable."""
    source = os.environ if environment is None else environment
    _refuse_misspelt(source)
    values: dict[str, Any] = {}
    for name in (one.name for one in fields(Settings)):
        text = source.get(PREFIX + name.upper()) or source.get(_ALSO.get(name, ""))
        value = options.pop(name, None)
        if value is None and text:
            value = _read(name, text)
        if value is not None:
            values[name] = value
    if unknown := [name for name, value in options.items() if value is not None]:
        raise _refused(unknown[0], "there is no such setting")
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=_hook)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        name = re.split(r"[`.\[]", where)[0]
        raise _refused(name, _in_words(name, what)) from None
    if fault := _fault(settings):
        raise _refused(*fault)
    return settings


def _in_words(name: str, what: str) -> str:
    """What msgspec has said about a field, without its words for types."""
    if found := _BOUND.match(what):
        return f"must be {_BOUNDS[found[1]]} {found[2]}"
    if what.startswith("Invalid enum value"):
        return f"must be {', '.join(get_args(get_type_hints(Settings)[name]))}"
    kind = what.removeprefix("Expected `").partition("`")[0]
    return f"must be {_TYPES[kind]}" if kind in _TYPES else what


def _read(name: str, text: str) -> Any:
    try:
        return _READ[name](text) if name in _READ else text
    except RuntimeError:
        raise _refused(name, "a folder begins with ~ and a name that no user has") from None
    except ValueError as error:
        raise _refused(name, str(error)) from None


def _hook(wanted: type[Any], value: object) -> object:
    """What msgspec does not make itself: paths and secrets."""
    if isinstance(value, wanted):
        return value
    if not isinstance(value, str):
        raise TypeError("must be text")
    return wanted(value)


def _refused(name: str, why: str) -> BadInput:
    return BadInput(
        f"The setting {name} is not usable: {why}.",
        field=PREFIX + name.upper(),
        way_out=f"Set {PREFIX}{name.upper()}{_OPTIONS.get(name, '')} to a valid value.",
    )
