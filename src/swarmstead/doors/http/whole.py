"""The whole server as FastAPI's dependency: for routes that only it has."""

from typing import Annotated, cast

from fastapi import Depends, Request

from swarmstead.doors.http.auth import app_of
from swarmstead.wiring import App


async def whole(request: Request) -> App:
    """FastAPI dependency: the server with its runs. Only `doors.http.app` includes routes that need it.

    Async, since any other goes through a thread.
    """
    return cast("App", app_of(request))


Whole = Annotated[App, Depends(whole)]
