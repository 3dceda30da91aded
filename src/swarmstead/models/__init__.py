"""Models think for agents: providers, prices, and the scripted model that works offline."""
