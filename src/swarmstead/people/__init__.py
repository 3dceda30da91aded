"""Tenants, environments, people, their roles, keys and sessions: who may do what, and whose house it is."""
