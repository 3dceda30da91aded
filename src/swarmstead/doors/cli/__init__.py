"""The command line `stead`: one module per noun, each imported when it is used."""
