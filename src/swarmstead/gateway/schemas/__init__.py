"""A tool's schemas: compiled once, without leave to fetch anything, and with bounds on what they may cost."""
