"""Our own HTTP/1.1 client: every request goes to an address that the egress rules let through (ADR 0009)."""
