"""Doors let the world in: HTTP, MCP, the command line, workers, and the tool servers that ship with the product."""
