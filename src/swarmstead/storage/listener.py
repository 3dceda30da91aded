"""Hears what other processes commit: Postgres' NOTIFY becomes local wakes. SQLite has one process and needs none."""

import asyncio
import logging
from typing import Any

import psycopg

from swarmstead.storage.signals import CHANNEL, Signals

log = logging.getLogger(__name__)
_RECONNECT_S = 1.0
_QUIET_S = 10.0  # a connection on which nothing comes for so long has to answer a question
_ANSWER_S = 10.0
_ALIVE: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


async def listen(url: str, signals: Signals) -> None:
    """Pass on notifications until cancelled.

    A lost connection, or one that has gone silent, is opened again; then every waiter is woken, for what was missed.
    While it cannot be opened, every waiter is woken once a second: nobody goes on believing what another one has ended.
    """
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(plain, autocommit=True, **_ALIVE) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                signals.notify_all()
                while True:
                    async for notification in connection.notifies(timeout=_QUIET_S):
                        signals.notify([notification.payload])
                    async with asyncio.timeout(_ANSWER_S):
                        await connection.execute("SELECT 1")
        except (psycopg.Error, OSError) as error:
            log.warning("the connection that hears other workers was lost: %s", type(error).__name__)
            signals.notify_all()
            await asyncio.sleep(_RECONNECT_S)
