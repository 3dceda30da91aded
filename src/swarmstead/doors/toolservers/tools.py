"""How a tool of a shipped server is declared, checked and run.

A tool is declared once: JSON Schema with bounds on every argument, defaults that are safe, and MCP's annotations.
What a caller sends is checked against the same schema that `tools/list` shows.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]
Values = dict[str, Any]

_NO_CONTROL = "^[^\\u0000-\\u001f\\u007f]*$"


class ToolError(Exception):
    """The tool refuses or fails; the message goes to the caller as the tool's answer (`isError`)."""


class SetupError(ToolError):
    """The server cannot start as asked; the message is one line for stderr."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: what it is called, what it takes and gives, whether it changes anything, and the function itself.

    `arguments` maps a name to its schema; those without a `default` are required. `run` gets all arguments, defaults
    filled in, and returns what becomes `structuredContent`.
    """

    name: str
    title: str
    description: str
    arguments: Mapping[str, Schema]
    output: Schema
    run: Callable[[Values], Values]
    writes: bool = False
    run_if: Callable[[Values, Values], Values] | None = None
    """As `run`, provided that what it would change still is as its preview found it."""
    _check: list[Any] = field(default_factory=list[Any], init=False, repr=False, compare=False)

    @property
    def input_schema(self) -> Schema:
        """JSON Schema of the arguments; nothing beyond them is accepted."""
        required = [name for name, schema in self.arguments.items() if "default" not in schema]
        schema: Schema = {"type": "object", "properties": dict(self.arguments), "additionalProperties": False}
        return schema | ({"required": required} if required else {})

    def definition(self) -> Values:
        """This tool as `tools/list` shows it (MCP `Tool`)."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input_schema,
            "outputSchema": self.output,
            "annotations": {
                "title": self.title,
                "readOnlyHint": not self.writes,
                "destructiveHint": self.writes,
                "idempotentHint": True,
                "openWorldHint": False,
            },
        }

    def call(self, arguments: Values, expect: Values | None = None) -> Values:
        """Check the arguments and run; given what its preview said to `expect`, only if that still holds.

        Fails: ToolError; nothing has happened when an argument is refused or an expectation not met.
        """
        checked = self._checked(arguments)
        if expect is None:
            return self.run(checked)
        if self.run_if is None:
            raise ToolError(f"Refused: {self.name!r} cannot check what it is to expect.")
        return self.run_if(checked, expect)

    def _checked(self, arguments: Values) -> Values:
        try:
            json.dumps(arguments, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ToolError("Refused: the arguments hold half a surrogate pair. Send valid Unicode text.") from error
        for problem in self.checker().iter_errors(arguments):
            where = ".".join(str(step) for step in problem.instance_path)
            raise ToolError(f"Refused: {f'argument {where!r}: ' if where else ''}{problem.message[:300]}.")
        filled = {name: schema["default"] for name, schema in self.arguments.items() if "default" in schema} | arguments
        # JSON Schema counts 5.0 as an integer; our functions want 5.
        return {name: int(value) if isinstance(value, float) else value for name, value in filled.items()}

    def checker(self) -> Any:
        """The compiled schema; made at the first use, or ahead of it by whoever has time to spare."""
        if not self._check:
            import jsonschema_rs  # 30 ms or more: not before the first answer is out

            self._check.append(jsonschema_rs.validator_for(self.input_schema, mask="the value"))
        return self._check[0]


def text(description: str, *, longest: int, shortest: int = 0, pattern: str = _NO_CONTROL, **more: Any) -> Schema:
    """Schema of a string argument; control characters are refused unless another `pattern` is given ('' for none)."""
    schema: Schema = {"type": "string", "description": description, "minLength": shortest, "maxLength": longest}
    return schema | ({"pattern": pattern} if pattern else {}) | more


def whole(description: str, *, least: int, most: int, default: int) -> Schema:
    """Schema of an integer argument with a default."""
    return {"type": "integer", "description": description, "minimum": least, "maximum": most, "default": default}


def flag(description: str, *, default: bool) -> Schema:
    """Schema of a boolean argument with a default."""
    return {"type": "boolean", "description": description, "default": default}


def obj(**properties: str | Schema) -> Schema:
    """Output schema of an object that has all of `properties`; a value is a JSON type's name or a schema."""
    schemas = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in properties.items()}
    return {"type": "object", "properties": schemas, "required": list(schemas)}


def many(item: Schema) -> Schema:
    """Output schema of a list."""
    return {"type": "array", "items": item}
