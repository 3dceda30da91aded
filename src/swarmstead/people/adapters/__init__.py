"""Adapters of the people room."""
