"""Adapters of the runs room: the durable engine, and the folders a run may name."""
