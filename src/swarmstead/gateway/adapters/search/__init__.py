"""The index of tools on disk: tantivy for words, usearch for meaning. Needs the extra `swarmstead[search]`."""
