"""MCP servers that ship with the product: `python -m swarmstead.doors.toolservers git|files|report --root PATH`.

Each runs as its own process over stdin and stdout, limited to one folder. They import only the standard library, the
kernel and a JSON Schema checker, so that a process answers within a few hundredths of a second of its start.
"""
