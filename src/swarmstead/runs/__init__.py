"""Runs carry the work out: previewed, launched, watched, interrupted, and never repeated by a crash."""
