"""The HTTP door: REST under /api/v1, server-sent events, and the web UI."""
