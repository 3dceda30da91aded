"""The command line: `stead`."""
