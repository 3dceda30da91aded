"""The steps of an agent's turn: asking its model, calling a tool, giving a task to another agent."""
