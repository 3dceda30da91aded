"""Agents: who does the work. Their versions are resources; their tools are bindings; trust comes with evidence."""
