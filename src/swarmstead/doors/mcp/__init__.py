"""The MCP door: outside clients reach tools through the same chain as agents in runs."""
