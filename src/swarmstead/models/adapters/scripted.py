"""The scripted model: plays what `ModelSpec.script` says, offline and always the same. Every view labels it as such."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmstead.models.contract import Message, ModelReply, ModelRequest, ModelSpec, ScriptStep, ToolCall, Usage
from swarmstead.models.errors import ScriptExhausted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmstead.models.contract import BeforeRetry
    from swarmstead.models.ports import OnDelta

ANY_AGENT = "*"
_CHARS_PER_TOKEN = 4


class ScriptedModel:
    """Adapter of `ModelProvider` that reads a script instead of asking anybody.

    The turn played is the number of assistant messages that the request already holds, so a replayed or forked run
    gets the turn it is at. An agent without a part of its own plays the part called `*`.

    Tokens are estimates: a quarter of the characters (texts, tool names and arguments), rounded up. They make traces
    and token limits look alive; they are not what any provider would count.
    """

    async def request(
        self,
        spec: ModelSpec,
        request: ModelRequest,
        on_delta: OnDelta | None = None,
        before_retry: BeforeRetry | None = None,
    ) -> ModelReply:
        """The scripted turn; there is never a second attempt.

        Fails: ScriptExhausted, naming the agent, the turn and what is wrong in which template.
        """
        from swarmstead.models import script  # imports Jinja2: only servers that play scripts pay for it

        turn = sum(message.role == "assistant" for message in request.messages)
        step = _step_of(spec, request.agent, turn)
        try:
            text, calls = script.play(step, script.context_of(request), turn)
        except script.ScriptProblem as problem:
            raise ScriptExhausted(
                f"The script of agent {request.agent!r} fails at turn {turn + 1}, {problem.where}: {problem.problem}.",
                way_out="Correct the template in the model's `spec.script` and apply it again.",
                field=f"spec.script.{request.agent}[{turn}].{problem.where}",
            ) from None
        most = request.max_output_tokens * _CHARS_PER_TOKEN
        cut = not calls and len(text) > most
        text = text[:most] if cut else text
        if on_delta is not None and text:
            on_delta(text)
        usage = Usage(_tokens(request.messages), _tokens([Message("assistant", text, calls)]))
        finish = "tool_calls" if calls else "length" if cut else "stop"
        return ModelReply(text, calls, usage, finish, model="scripted")

    async def aclose(self) -> None:
        """Nothing to close."""


def _step_of(spec: ModelSpec, agent: str, turn: int) -> ScriptStep:
    steps = spec.script.get(agent) or spec.script.get(ANY_AGENT)
    if not steps:
        raise ScriptExhausted(
            f"The script has no part for agent {agent!r}.",
            way_out=f"Add `{agent}:` (or `'*':` for every agent) under the model's `spec.script`.",
            field="spec.script",
        )
    if turn >= len(steps):
        raise ScriptExhausted(
            f"The script of agent {agent!r} has {len(steps)} turns and was asked for turn {turn + 1}.",
            way_out="Let the last step call nothing: a step with `say` alone ends the agent's work.",
            field=f"spec.script.{agent}",
        )
    return steps[turn]


def _tokens(messages: Iterable[Message]) -> int:
    chars = sum(len(message.text) + sum(map(_chars, message.tool_calls)) for message in messages)
    return -(-chars // _CHARS_PER_TOKEN)


def _chars(call: ToolCall) -> int:
    return len(call.name) + len(str(call.arguments))
