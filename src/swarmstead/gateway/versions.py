"""Versions of MCP that are spoken with tool servers, the newest first; the first has no sessions."""

UPSTREAM_VERSIONS = ("2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
