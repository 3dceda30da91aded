"""What a model's spec must satisfy beyond its types. Checked when it is applied, before anything is stored."""

from urllib.parse import urlsplit

from swarmstead.kernel.errors import BadInput
from swarmstead.kernel.secrets import is_reference
from swarmstead.models.contract import ModelSpec, ScriptStep
from swarmstead.models.prices import check_price

LOCAL_MODEL = "smollm2-135m"
_NEED_A_KEY = frozenset({"openai", "anthropic", "google"})
_USUAL_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
    "ollama": "http://127.0.0.1:11434",
}
_SPOKEN_AT = {"ollama": "/v1"}


def address_of(provider: str, base_url: str = "") -> str:
    """Where a provider is asked: `base_url`, else its usual address; "" for those that run in the server itself."""
    address = base_url or _USUAL_ADDRESSES.get(provider, "")
    if provider in _SPOKEN_AT and urlsplit(address).path in {"", "/"}:
        return address.rstrip("/") + _SPOKEN_AT[provider]
    return address


def check_spec(spec: ModelSpec) -> None:
    """Fails: BadInput, naming the field. A value that may be a pasted secret is never repeated."""
    if spec.provider == "scripted":
        _check_script(spec)
        return
    if spec.script:
        raise BadInput(
            "Only scripted models have a script.",
            way_out="Set `provider: scripted`, or remove it.",
            field="spec.script",
        )
    if spec.provider == "local":
        _check_local(spec)
        return
    if not spec.model:
        raise BadInput(
            f"A model of {spec.provider} needs the provider's name for it.",
            way_out="Set `model`, for example `model: gpt-4.1-mini`.",
            field="spec.model",
        )
    _check_base_url(spec.base_url)
    _check_key(spec)
    if spec.price is not None:
        check_price(spec.price)


def _check_local(spec: ModelSpec) -> None:
    for name, given in (("base_url", spec.base_url), ("api_key", spec.api_key)):
        if given:
            raise BadInput(
                "A local model runs in the server itself: it has no address and no key.",
                way_out=f"Remove `{name}`, or name the provider that it belongs to.",
                field=f"spec.{name}",
            )
    if spec.model not in ("", LOCAL_MODEL):
        raise BadInput(
            f"The only model that runs in the server itself is {LOCAL_MODEL}.",
            way_out="Leave `model` out; serve others with Ollama, or anything that speaks OpenAI's API.",
            field="spec.model",
        )


def _check_base_url(base_url: str) -> None:
    if not base_url:
        return
    try:
        url = urlsplit(base_url)
        well_formed = url.scheme in {"http", "https"} and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        url, well_formed = urlsplit(""), False
    if not well_formed or url.username is not None or url.query or url.fragment:
        raise BadInput(
            "The address must be http:// or https:// with a host, and without user, password, query or fragment.",
            way_out="Write it like `http://127.0.0.1:8000/v1`; the key goes into `api_key` as a reference.",
            field="spec.base_url",
        )


def _check_key(spec: ModelSpec) -> None:
    if spec.api_key and not is_reference(spec.api_key):
        raise BadInput(
            "The key must be a reference. It was not stored; if it is a real key, consider it exposed and replace it.",
            way_out="Put it into the server's environment or a file, and write `env:NAME` or `file:/absolute/path`.",
            field="spec.api_key",
        )
    if not spec.api_key and not spec.base_url and spec.provider in _NEED_A_KEY:
        raise BadInput(
            f"{spec.provider} answers only with a key.",
            way_out=f"Set `api_key: env:{spec.provider.upper()}_API_KEY`, and that variable where the server starts.",
            field="spec.api_key",
        )


def _check_script(spec: ModelSpec) -> None:
    if not spec.script:
        raise BadInput(
            "A scripted model needs a script.",
            way_out="Say under `script:` what each agent does, turn by turn; `'*'` stands for every agent.",
            field="spec.script",
        )
    for agent, steps in spec.script.items():
        if not steps:
            raise BadInput(
                f"The script of agent {agent!r} has no step.",
                way_out="Give it at least one: `- say: Done.`",
                field=f"spec.script.{agent}",
            )
        for turn, step in enumerate(steps):
            _check_step(step, f"spec.script.{agent}[{turn}]")


def _check_step(step: ScriptStep, where: str) -> None:
    from swarmstead.models import script  # imports Jinja2: only for specs that have a script

    try:
        script.check(step)
    except script.ScriptProblem as problem:
        raise BadInput(
            f"The script is wrong at {problem.where}: {problem.problem}.",
            way_out="docs/rooms/models.md shows what templates can name and do.",
            field=f"{where}.{problem.where}",
        ) from None
