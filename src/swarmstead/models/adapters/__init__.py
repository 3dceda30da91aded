"""Who answers: the scripted model, and the providers that pydantic-ai knows. Loading this package loads neither."""
