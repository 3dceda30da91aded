"""Hosted and local models, by way of pydantic-ai: keys, pooled connections, retries within one deadline.

Cost: the first request of a process loads the provider's SDK in a thread (seconds of CPU, once). After that a request
costs a few milliseconds of CPU beside what the provider takes.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from swarmstead.kernel.errors import SteadError
from swarmstead.kernel.secrets import SecretMissing, resolve_reference
from swarmstead.models.adapters.retries import Failure, Timing, because_of, explain, wait_before_next
from swarmstead.models.contract import ModelReply, ModelRequest, ModelSpec, Usage
from swarmstead.models.errors import ModelRefusedKey, told

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from swarmstead.models.adapters.wire import Client
    from swarmstead.models.contract import BeforeRetry
    from swarmstead.models.ports import Addresses, OnDelta

_MOST_CLIENTS = 32


class _Pooled:
    __slots__ = ("client", "users")

    def __init__(self, client: Client) -> None:
        self.client = client
        self.users = 0


class DirectModel:
    """Adapter of `ModelProvider` for `openai`, `anthropic`, `google` and `ollama`. Belongs to one event loop.

    Invariants:
    - Connections go to addresses that `addresses` admits, and nowhere else.
    - The key is read from its reference for each request, so a rotated key is used at once. It is kept only inside the
      client made for it, and no error holds it.
    - One HTTP client per provider, address and key is kept and used again.
    - After a retry `on_delta` starts anew; the reply's text is that of the last attempt alone.
    - `usage` counts every attempt that the provider may bill: all that it had received and did not refuse. For those
      that did not end it is what was told or streamed, whichever is more, and where that bounds nothing our upper
      bound (`mapping.usage_of_broken`).
    """

    def __init__(self, addresses: Addresses, timing: Timing | None = None) -> None:
        self._addresses = addresses
        self._timing = timing or Timing()
        self._pool: dict[tuple[str, str, str], _Pooled] = {}
        self._opening = asyncio.Lock()

    async def request(
        self,
        spec: ModelSpec,
        request: ModelRequest,
        on_delta: OnDelta | None = None,
        before_retry: BeforeRetry | None = None,
    ) -> ModelReply:
        """One reply; `retries.py` says what is tried again.

        Fails: ModelRefusedKey, ModelRefusedRequest, ModelNotAllowed, ModelRateLimited, ModelFailed, and what
        `before_retry` raises. Their `extra` tells the attempts and the tokens that the failed ones used.
        """
        key = _key_of(spec)
        async with self._client(spec, key) as client:
            return await self._until_answered(client, spec, request, on_delta, before_retry)

    def missing(self, spec: ModelSpec) -> tuple[str, str] | None:
        """Nothing: it comes with the product."""
        return None

    async def aclose(self) -> None:
        """Close all connections. Safe to call again."""
        pooled, self._pool = list(self._pool.values()), {}
        for each in pooled:
            await each.client.aclose()

    async def _until_answered(
        self,
        client: Client,
        spec: ModelSpec,
        request: ModelRequest,
        on_delta: OnDelta | None,
        before_retry: BeforeRetry | None,
    ) -> ModelReply:
        deadline = self._timing.now() + spec.timeout_s
        spent = Usage()
        attempt = 0
        arguments_retried = False
        while True:
            attempt += 1
            outcome = await self._attempt(client, spec, request, deadline, on_delta)
            spent = _sum(spent, outcome.usage)
            if isinstance(outcome, ModelReply):
                return replace(outcome, attempts=attempt, usage=spent)
            wait = wait_before_next(outcome, attempt, self._timing.jitter(), arguments_retried=arguments_retried)
            if wait is None or self._timing.now() + wait >= deadline:
                raise explain(outcome, spec, attempt, spent)
            arguments_retried = arguments_retried or outcome.kind == "arguments"
            if before_retry is not None and outcome.usage != Usage():
                try:
                    await before_retry(spent)
                except SteadError as error:
                    error.extra |= told(attempt, spent)
                    because_of(error, explain(outcome, spec, attempt, spent))
                    raise
            await self._timing.sleep(wait)

    async def _attempt(
        self, client: Client, spec: ModelSpec, request: ModelRequest, deadline: float, on_delta: OnDelta | None
    ) -> ModelReply | Failure:
        from swarmstead.models.adapters import wire  # loaded by now: the client came from it

        progress = wire.begun(request)
        try:
            async with self._timing.limit(deadline - self._timing.now()):
                return await wire.ask(client, spec.model, request, progress, on_delta)
        except TimeoutError:
            failure = Failure("timeout" if progress.started else "silent")
            return replace(failure, usage=progress.usage(request, failure))

    @asynccontextmanager
    async def _client(self, spec: ModelSpec, key: str) -> AsyncGenerator[Client]:
        name = (spec.provider, spec.base_url, hashlib.sha256(key.encode()).hexdigest())
        async with self._opening:
            pooled = self._pool.get(name)
            if pooled is None:
                pooled = _Pooled(await asyncio.to_thread(_open, spec, key, self._addresses))
                self._pool[name] = pooled
            pooled.users += 1
            await self._drop_idle()
        try:
            yield pooled.client
        finally:
            pooled.users -= 1

    async def _drop_idle(self) -> None:
        """Keep the pool small where keys rotate: the oldest clients that nobody uses go first."""
        idle = [name for name, pooled in self._pool.items() if not pooled.users]
        for name in idle[: max(0, len(self._pool) - _MOST_CLIENTS)]:
            await self._pool.pop(name).client.aclose()


def _open(spec: ModelSpec, key: str, addresses: Addresses) -> Client:
    from swarmstead.models.adapters import wire

    client = wire.Client(spec.provider, spec.base_url, key, addresses)
    client.model(spec.model)  # loads the rest of the SDK here, off the event loop
    return client


def _key_of(spec: ModelSpec) -> str:
    if not spec.api_key:
        return ""
    problem = ""
    key = ""
    try:
        key = resolve_reference(spec.api_key)
    except SecretMissing as error:
        problem = error.message
    else:
        if not key.isascii() or not key.isprintable() or " " in key:
            problem = f"{spec.api_key} holds spaces, line breaks or characters that no key has."
    if problem:
        # Raised out here, so that no exception in its chain has seen the key.
        raise ModelRefusedKey(
            f"There is no usable key for {spec.provider} model {spec.model}: {problem}",
            way_out=f"Put the key at {spec.api_key} for the server, or point `api_key` to where it is.",
            field="spec.api_key",
        )
    return key


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cached_tokens + other.cached_tokens,
    )
