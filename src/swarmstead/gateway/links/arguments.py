"""What a tool may be called with."""

from dataclasses import replace

from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.contract import CallRequest, Tool
from swarmstead.gateway.errors import ArgumentsRefused, HeadersRefused, PlanRefused
from swarmstead.gateway.mirrored import disagreement
from swarmstead.gateway.offers import shut
from swarmstead.gateway.schemas.compiled import Contract as Compiled
from swarmstead.gateway.schemas.compiled import Fault


class Contract:
    """Fills in defaults, and checks tool and arguments: pinned, usable, as previewed, within schema and bounds."""

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        if call.request.kind != "tool":
            return await proceed(call)
        server, listed = call.target
        tool = listed.tool
        if tool.state != "accepted":
            raise shut(tool)
        pinned = call.request.schema_hash
        if pinned and pinned != tool.schema_hash:
            raise PlanRefused(
                f"Denied: the definition of {tool.name!r} has changed since the run was previewed.",
                way_out="Look at the new definition, then preview and launch again.",
            )
        sent = call.request
        defaults = server.spec.defaults.get(tool.name)
        if defaults:
            call = call.asking(replace(call.request, arguments={**defaults, **call.request.arguments}))
        arguments = dict(call.request.arguments)
        fault = fault_of(listed.contract, arguments)
        if fault is not None:
            where, why = f" at {fault.path}" if fault.path else "", fault.text.removesuffix(".")
            raise ArgumentsRefused(
                f"Denied: the arguments of {tool.name!r} do not satisfy its contract{where}: {why}.",
                field=f"arguments.{fault.path}" if fault.path else "arguments",
                way_out="Call it again with arguments that follow the tool's schema.",
            )
        _check_mirrored(sent, tool)
        return await proceed(call)


def fault_of(contract: Compiled, arguments: dict[str, object]) -> Fault | None:
    """What is wrong with arguments, None when nothing is."""
    if contract.arguments is None:
        return Fault("", contract.problem)
    return contract.arguments.fault(arguments)


def _check_mirrored(request: CallRequest, tool: Tool) -> None:
    if request.mirrored is None or not tool.mirrors:
        return
    header = disagreement(tool.mirrors, request.arguments, request.mirrored)
    if header:
        raise HeadersRefused(
            f"The header {header} does not say the same as the argument of {tool.name!r} that it repeats.",
            field=header,
            way_out="Send each argument with `x-mcp-header` in its header too, and no other value there.",
        )
