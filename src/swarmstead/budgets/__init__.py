"""Money is reserved before it is spent, so that no race passes a cap."""
