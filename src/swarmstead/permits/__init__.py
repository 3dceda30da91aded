"""Permits: what may be done without asking, and the inbox where people decide about the rest."""
