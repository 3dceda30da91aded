"""LangGraph with its SQLite saver, WAL and synchronous FULL: a checkpoint per node; no events, reservations or audit.

Its synchronous interface, which is the faster one here, and `durability="sync"`: a node's checkpoint is on disk before
the next node starts, as in the other contenders. (Its default, "async", lets the next node run ahead of the disk.)
"""

import sqlite3
import uuid
from pathlib import Path
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Send

from bench.workload import FINDING, Counts, Stamps, arguments_of, said_of, task_of, work_of

_stamps = Stamps()


def _think(state: MessagesState) -> dict[str, Any]:
    _stamps.add()
    messages = state["messages"]
    turn = sum(isinstance(message, AIMessage) for message in messages)
    _, calls = work_of(str(messages[0].content))
    asked = [{"name": "look", "args": arguments_of(turn), "id": f"c{turn}"}] if turn < calls else []
    return {"messages": [AIMessage(said_of(turn), tool_calls=asked)]}


def _look(state: MessagesState) -> dict[str, Any]:
    last = state["messages"][-1]
    assert isinstance(last, AIMessage)
    return {"messages": [ToolMessage(FINDING, tool_call_id=call["id"]) for call in last.tool_calls]}


def _more(state: MessagesState) -> str:
    last = state["messages"][-1]
    return "look" if isinstance(last, AIMessage) and last.tool_calls else END


def _agent() -> Any:
    graph: Any = StateGraph(MessagesState)
    graph.add_node("think", _think)
    graph.add_node("look", _look)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", _more, ["look", END])
    graph.add_edge("look", "think")
    return graph


def _joined(left: list[AnyMessage], right: list[AnyMessage]) -> list[AnyMessage]:
    return left + right


class _Crew(TypedDict):
    agents: int
    calls: int
    answers: Annotated[list[AnyMessage], _joined]


def _split(state: _Crew) -> list[Send]:
    task = HumanMessage(task_of(0, state["calls"]))
    return [Send("member", {"messages": [task]}) for _ in range(state["agents"])]


def _crew() -> Any:
    member = _agent().compile()

    def work(state: MessagesState, config: RunnableConfig) -> dict[str, Any]:
        return {"answers": [member.invoke(state, config)["messages"][-1]]}

    def lead(state: _Crew) -> dict[str, Any]:
        _stamps.add()
        return {"answers": [AIMessage(said_of(len(state.get("answers", []))))]}

    graph: Any = StateGraph(_Crew)
    graph.add_node("lead", lead)
    graph.add_node("member", work)
    graph.add_node("merge", lead)
    graph.add_edge(START, "lead")
    graph.add_conditional_edges("lead", _split, ["member"])
    graph.add_edge("member", "merge")
    graph.add_edge("merge", END)
    return graph


class LangGraph:
    """LangGraph as a contender."""

    stamps = _stamps

    async def open(self, folder: Path) -> None:
        """Compile the graphs over an empty database."""
        self._connection = sqlite3.connect(folder / "langgraph.db", check_same_thread=False)
        saver = SqliteSaver(self._connection)
        saver.setup()
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._solo = _agent().compile(checkpointer=saver)
        self._crew = _crew().compile(checkpointer=saver)

    async def turns(self, turns: int) -> None:
        """One thread of the agent's graph."""
        task = {"messages": [HumanMessage(task_of(0, turns))]}
        state = self._solo.invoke(task, _thread(), durability="sync")
        assert len(state["messages"]) == 2 * turns + 2

    async def swarm(self, agents: int, calls: int) -> None:
        """One thread of the crew's graph; a branch per agent."""
        state = self._crew.invoke({"agents": agents, "calls": calls}, _thread(), durability="sync")
        assert len(state["answers"]) == agents + 2

    async def count(self) -> Counts:
        """Count what its connection does from here on."""
        counts = Counts()
        self._connection.set_trace_callback(counts.trace)
        return counts

    def server_cpu_s(self) -> float:
        """There is no server."""
        return 0.0

    async def close(self) -> None:
        """Take it down."""
        self._connection.close()


def _thread() -> RunnableConfig:
    return {"configurable": {"thread_id": uuid.uuid4().hex}, "recursion_limit": 10_000}
