"""What an agent is declared as."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Le, Len


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """Spec of `kind: Agent`: how it is told to work, which model thinks for it, and how long it may go on."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}

    instructions: Annotated[str, Len(1, 50_000)]
    """What the model is told before its task (the system prompt)."""
    model: Annotated[str, Len(1, 63)]
    """The name of a Model resource."""
    description: Annotated[str, Len(0, 500)] = ""
    """One sentence for people and for agents that delegate to this one."""
    max_turns: Annotated[int, Ge(1), Le(200)] = 24
    """How often the model may be asked in one run before the agent is stopped as failed."""
