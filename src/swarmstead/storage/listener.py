"""Hears what other processes commit: Postgres' NOTIFY becomes local wakes. SQLite has one process and needs none."""

import asyncio
import logging

import psycopg

from swarmstead.storage.signals import CHANNEL, Signals

log = logging.getLogger(__name__)
_RECONNECT_S = 1.0


async def listen(url: str, signals: Signals) -> None:
    """Pass on notifications until cancelled.

    A lost connection is opened again; then every waiter is woken, for what was missed.
    """
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(plain, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                signals.notify_all()
                async for notification in connection.notifies():
                    signals.notify([notification.payload])
        except psycopg.OperationalError as error:
            log.warning("the connection that hears other workers was lost: %s", type(error).__name__)
            await asyncio.sleep(_RECONNECT_S)
