"""What fills the gateway's ports: sessions with MCP servers over stdio and Streamable HTTP."""
