"""Server-sent events, as far as MCP uses them: the `data` of each event. Source: WHATWG HTML, "Server-sent events"."""

import re

_DIGITS = 9
_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventReader:
    """Cuts a byte stream into the data of its events, however the network has split it."""

    def __init__(self) -> None:
        self._line = bytearray()  # what has come of a line that has not ended
        self._held = b""
        self._data: list[bytes] = []
        self._first = True
        self.last_id = b""
        """The id of the last event that had one."""
        self.retry_ms = 0
        """After how long to come back, if the server has said so."""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of each event that this chunk completes; events without data are left out."""
        text, self._held = self._held + chunk, b""
        if self._first:
            if _MARK.startswith(text):  # the rest of a byte order mark may come with the next chunk
                text, self._held = b"", b"" if text == _MARK else text
                self._first = bool(self._held) or not chunk
            else:
                text, self._first = text.removeprefix(_MARK), False
        if text.endswith(b"\r"):  # the other half of the line end may come with the next chunk
            text, self._held = text[:-1], b"\r"
        *ends, last = _LINE_END.split(text)
        events: list[bytes] = []
        for end in ends:
            line = end
            if self._line:
                line = bytes(self._line + end)
                self._line.clear()
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif line.startswith(b"id:") and b"\0" not in line:
                self.last_id = line[3:].removeprefix(b" ")
            elif line.startswith(b"retry:") and line[6:].strip().isdigit():
                self.retry_ms = int(line[6:].strip()[:_DIGITS])
            elif not line and self._data:
                events.append(b"\n".join(self._data))
                self._data = []
        self._line += last  # grows in place: a long line in small pieces is copied once, not once for each piece
        return events
