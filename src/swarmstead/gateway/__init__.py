"""The only way to a tool: one ordered chain of interceptors between a caller and an MCP server."""
