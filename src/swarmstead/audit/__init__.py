"""What happened, in order, so that nobody can quietly change it: an append-only hash chain per tenant."""
