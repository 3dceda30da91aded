"""What is wrong with a value, in our words: a validator's own text tells of types and not of what to write."""

from collections.abc import Mapping
from typing import Any

_TEXT, _WHOLE, _NUMBER, _BOOL = "must be text", "must be a whole number", "must be a number", "must be true or false"
_OBJECT, _LIST = "must be an object with fields", "must be a list"
_WORDS: Mapping[str, str] = {
    "missing": "this field is missing",
    "missing_argument": "this field is missing",
    "extra_forbidden": "unknown field",
    "unexpected_keyword_argument": "unknown field",
    "string_type": _TEXT,
    "string_sub_type": _TEXT,
    "string_unicode": "must be text without half a surrogate pair",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must look like {pattern}",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "int_type": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "must be a whole number of fewer digits",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "must be a number that is not infinite",
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "none_required": "must be left out",
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "path_type": "must be the path of a file or folder",
    "json_invalid": "is not JSON",
}
_OTHER = "is not usable here"


def in_words(fault: Mapping[str, Any]) -> str:
    """One error of pydantic, `{type, msg, ctx}`, without the value that was given: that may be a secret.

    What a check of ours has said is said as it is.
    """
    if fault["type"] in ("value_error", "assertion_error"):
        return str(fault["msg"]).partition(", ")[2] or _OTHER
    words = _WORDS.get(str(fault["type"]), _OTHER)
    context: Mapping[str, Any] = fault.get("ctx") or {}
    try:
        return words.format_map(context).replace("at least 1 characters", "at least 1 character")
    except (KeyError, IndexError):
        return _OTHER
