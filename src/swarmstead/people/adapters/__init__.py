"""Adapters of the audit room."""
