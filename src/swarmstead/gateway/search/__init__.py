"""Finding the few tools that fit a task among very many."""
