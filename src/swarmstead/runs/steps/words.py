"""What is said of an answer: the line of its step, and the last words of an agent."""

from collections.abc import Iterator

from swarmstead.kernel.money import usd_text
from swarmstead.models.contract import ModelReply
from swarmstead.runs.errors import AnswerUseless

_MOST_NAMED = 6
_MOST_WORDS = 200
_STAYS_DONE = "Look at its calls first: what they did stays done, and would be done once more. "
_CUT = "[cut: the model reached its max_output_tokens here]"


def summary_of(reply: ModelReply) -> str:
    """One line for people: what was decided, never how it was thought."""
    if reply.tool_calls:
        more = len(reply.tool_calls) - _MOST_NAMED
        named = ", ".join(call.name.replace("__", "/") for call in reply.tool_calls[:_MOST_NAMED])
        return f"Asked for {named}" + (f" and {more} more" if more > 0 else "")
    first = reply.text.strip().splitlines()[0] if reply.text.strip() else ""
    return first.lstrip("# ")[:_MOST_WORDS] or "Answered with nothing"


def line_of(reply: ModelReply, over: int, lost: int) -> str:
    """The summary, after what is to be known of it: cut or filtered, billed `over`, and what was `lost` before it."""
    return " ".join([*_notes(reply, over, lost), summary_of(reply)])


def overrun(over: int) -> str:
    """That the provider has billed more than what was sent and the limit of its answer could cost; "" if it has not."""
    return f"The provider billed {usd_text(over)} more than was possible." if over > 0 else ""


def last_words(agent: str, reply: ModelReply, *, acted: bool) -> str:
    """What an agent answers that calls for nothing more, after it has called for something or not.

    One that was cut says so at its end, so that whoever reads on, person or model, does not take it for whole.
    Fails: AnswerUseless. What helps is another run, so it says that the calls of this one stay done.
    """
    first = _STAYS_DONE if acted else ""
    if reply.finish == "content_filter":
        raise AnswerUseless(
            f"The provider filtered the last answer of {agent}.",
            way_out=f"{first}Say the task in other words, or choose another model; "
            "what came of the answer stands in its step.",
            code="answer_filtered",
        )
    if not reply.text.strip():
        if reply.finish == "length":
            raise AnswerUseless(
                f"The model of {agent} reached its output limit before it had said anything.",
                way_out=f"{first}Raise `max_output_tokens` in the model's spec: what it thinks counts, too.",
                code="model_output_limit",
            )
        raise AnswerUseless(
            f"The model of {agent} ended its work with an empty answer.",
            way_out=f"{first}Tell the agent in its instructions what to answer, or choose another model, "
            "and launch the run again.",
            code="answer_empty",
        )
    return f"{reply.text}\n\n{_CUT}" if reply.finish == "length" else reply.text


def _notes(reply: ModelReply, over: int, lost: int) -> Iterator[str]:
    if reply.finish == "length":
        yield "Cut at its output limit."
    if reply.finish == "content_filter":
        yield "Filtered by the provider."
    if over > 0:
        yield overrun(over)
    if lost > 0:
        yield f"A question before it was lost with its server and is charged {usd_text(lost)}."
