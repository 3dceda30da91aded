"""Log lines: for people by default, one JSON object each on request. Everything passes redaction first."""

import json
import logging
import sys
import time

from swarmstead.telemetry.contract import redact_text

_QUIET = ("uvicorn.access", "uvicorn.error", "alembic", "dbos", "asyncio")


class _Redacting(logging.Formatter):
    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """One line, without credentials."""
        return redact_text(super().format(record))


class _Json(_Redacting):
    def format(self, record: logging.LogRecord) -> str:
        """One JSON object, without credentials."""
        line = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return redact_text(json.dumps(line, ensure_ascii=False))


def set_up(level: str, *, as_json: bool) -> None:
    """Send all log lines of the process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if as_json else _Redacting("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
