"""Where spans go."""
