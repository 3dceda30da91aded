"""How much a call may carry, and how much a schema may cost. `STEAD_MAX_ARGUMENT_…` and `STEAD_MAX_RESULT_BYTES`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContractLimits:
    """Bounds that hold where a tool's own schema names none, and bounds that always hold."""

    characters: int = 65_536
    """One string, unless the schema declares a larger `maxLength`."""
    items: int = 1_000
    """One array or object, unless the schema declares a larger `maxItems` or `maxProperties`."""
    depth: int = 32
    """Arrays and objects inside each other."""
    argument_bytes: int = 1_048_576
    """All arguments of a call."""
    result_bytes: int = 4_194_304
    """What a tool answers."""
    result_depth: int = 128
    """Arrays and objects inside each other in an answer."""
    definition_bytes: int = 262_144
    """One tool's definition as canonical JSON."""
    evaluations: int = 10_000_000
    """Steps that one validation may take: values times what the schema asks of each. About a second at the worst."""
