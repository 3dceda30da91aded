"""What people declare: one form for every kind, immutable versions named by their content, and the diff of two."""
