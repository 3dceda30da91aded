"""The tools of the everything server that ask something of their client.

Up to 2025-11-25 a server asks with requests of its own, while the call waits; from 2026-07-28 on it answers
`input_required`, and the client calls again with what was asked for and the state it was given.
"""

import json
from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.shared.message import ServerMessageMetadata

from tests.fakes.everything_tools import NOTHING, Context, Handler, Result, Tool, arguments, text

_CHOICES = ["option1", "option2", "option3"]
_TITLED = [{"const": f"value{n}", "title": f"{word} Option"} for n, word in enumerate(("First", "Second", "Third"), 1)]
DEFAULTS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
    "required": [],
}
ENUMS: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": _CHOICES},
        "titledSingle": {"type": "string", "oneOf": _TITLED},
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": _CHOICES}},
        "titledMulti": {"type": "array", "items": {"anyOf": _TITLED}},
    },
    "required": [],
}


def question(message: str, **fields: str) -> Result:
    """A request for a form with these fields, by name and type."""
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in fields.items()},
        "required": list(fields),
    }
    return {"method": "elicitation/create", "params": {"mode": "form", "message": message, "requestedSchema": schema}}


def _sampling(said: str, most: int = 100) -> Result:
    message = {"role": "user", "content": {"type": "text", "text": said}}
    return {"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": most}}


_ROOTS: Result = {"method": "roots/list", "params": {}}
_CONFIRM = question("Please confirm", ok="boolean")
_NAME = question("What is your name?", name="string")
_ONCE: Mapping[str, tuple[Mapping[str, Result], str]] = {
    "test_input_required_result_elicitation": ({"user_name": _NAME}, ""),
    "test_input_required_result_sampling": ({"capital_question": _sampling("What is the capital of France?")}, ""),
    "test_input_required_result_list_roots": ({"client_roots": _ROOTS}, ""),
    "test_input_required_result_request_state": ({"confirm": _CONFIRM}, "state-ok"),
    "test_input_required_result_tampered_state": ({"confirm": _CONFIRM}, "state-ok"),
    "test_input_required_result_multiple_inputs": (
        {"user_name": _NAME, "greeting": _sampling("Generate a greeting", 50), "client_roots": _ROOTS},
        "state-ok",
    ),
    "test_streaming_elicitation": ({"user_name": _NAME}, ""),
}
"""Tools that ask once: for what, and with which state."""


def _required(requests: Mapping[str, Result], state: str = "") -> Result:
    needed: Result = {"resultType": "input_required", "inputRequests": dict(requests)}
    return needed | ({"requestState": state} if state else {})


def _asks_once(requests: Mapping[str, Result], state: str) -> Handler:
    async def ask(_ctx: Context, params: types.CallToolRequestParams) -> Result:
        given = params.input_responses or {}
        if not requests.keys() <= given.keys() or (params.request_state or "") != state:
            return _required(requests, state)
        answers = {name: given[name].model_dump(mode="json", exclude_none=True) for name in sorted(requests)}
        return text(f"{state} {json.dumps(answers)}".strip())

    return ask


async def _two_rounds(_ctx: Context, params: types.CallToolRequestParams) -> Result:
    given = params.input_responses or {}
    if params.request_state == "round-2" and "step2" in given:
        return text("Both steps are done.")
    if params.request_state == "round-1" and "step1" in given:
        return _required({"step2": question("Step 2: What is your favorite color?", color="string")}, "round-2")
    return _required({"step1": question("Step 1: What is your name?", name="string")}, "round-1")


async def _what_it_can(ctx: Context, params: types.CallToolRequestParams) -> Result:
    can = ctx.session.client_capabilities
    requests: dict[str, Result] = {}
    if can is not None and can.sampling is not None:
        requests["greeting"] = _sampling("Generate a greeting", 50)
    if can is not None and can.elicitation is not None:
        requests["user_name"] = _NAME
    return _required(requests) if requests and not params.input_responses else text("There is nothing to ask.")


def _about(ctx: Context) -> ServerMessageMetadata:
    return ServerMessageMetadata(related_request_id=ctx.request_id)


async def _sample(ctx: Context, params: types.CallToolRequestParams) -> Result:
    prompt = str((params.arguments or {})["prompt"])
    asked = types.CreateMessageRequest.model_validate(_sampling(prompt))
    said = await ctx.session.send_request(asked, types.CreateMessageResult, metadata=_about(ctx))
    return text(f"LLM response: {said.model_dump_json()}")


async def _ask(ctx: Context, message: str, schema: Mapping[str, Any]) -> Result:
    form = types.ElicitRequestFormParams(message=message, requested_schema=dict(schema))
    answer = await ctx.session.send_request(types.ElicitRequest(params=form), types.ElicitResult, metadata=_about(ctx))
    return text(f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content)}")


async def _elicit(ctx: Context, params: types.CallToolRequestParams) -> Result:
    schema = arguments(
        "username",
        "email",
        username={"type": "string", "description": "User's response"},
        email={"type": "string", "description": "User's email address"},
    )
    return await _ask(ctx, str((params.arguments or {})["message"]), schema)


def _elicits(schema: Mapping[str, Any]) -> Handler:
    async def ask(ctx: Context, _params: types.CallToolRequestParams) -> Result:
        return await _ask(ctx, "Please fill this in", schema)

    return ask


TOOLS: Mapping[str, Tool] = {
    **{name: Tool(f"Asks its client: {name}.", NOTHING, _asks_once(*asked)) for name, asked in _ONCE.items()},
    "test_input_required_result_multi_round": Tool("Asks its client twice.", NOTHING, _two_rounds),
    "test_input_required_result_capabilities": Tool("Asks what its client can do.", NOTHING, _what_it_can),
    "test_sampling": Tool("Asks its client's model.", arguments("prompt"), _sample),
    "test_elicitation": Tool("Asks its client's person.", arguments("message"), _elicit),
    "test_elicitation_sep1034_defaults": Tool("Asks with defaults.", NOTHING, _elicits(DEFAULTS)),
    "test_elicitation_sep1330_enums": Tool("Asks for choices.", NOTHING, _elicits(ENUMS)),
}
