"""The process door: starting a server or a worker, telling where it listens, and taking it down in order."""
