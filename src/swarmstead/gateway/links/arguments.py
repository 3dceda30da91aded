"""What a tool may be called with."""

from swarmstead.gateway.chain import Answer, Call, Next
from swarmstead.gateway.contract import CallRequest, Tool
from swarmstead.gateway.errors import ArgumentsRefused, HeadersRefused, PlanRefused
from swarmstead.gateway.mirrored import disagreement
from swarmstead.telemetry.contract import redact_text


class Contract:
    """Checks arguments against the tool's schema, and the tool against what was previewed."""

    async def __call__(self, call: Call, proceed: Next) -> Answer:
        if call.request.kind != "tool":
            return await proceed(call)
        _, listed = call.target
        pinned = call.request.schema_hash
        if pinned and pinned != listed.tool.schema_hash:
            raise PlanRefused(
                f"Denied: the definition of {listed.tool.name!r} has changed since the run was previewed.",
                way_out="Look at the new definition, then preview and launch again.",
            )
        arguments = dict(call.request.arguments)
        if listed.validator.is_valid(arguments):  # a hundredth of what naming faults costs
            _check_mirrored(call.request, listed.tool)
            return await proceed(call)
        for fault in listed.validator.iter_errors(arguments):
            path = ".".join(str(part) for part in fault.instance_path)
            where = f" at {path}" if path else ""
            raise ArgumentsRefused(
                f"Denied: the arguments of {listed.tool.name!r} do not satisfy its contract{where}: "
                f"{redact_text(fault.message[:300])}",
                field=f"arguments.{path}" if path else "arguments",
                way_out="Call it again with arguments that follow the tool's schema.",
            )
        return await proceed(call)


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
