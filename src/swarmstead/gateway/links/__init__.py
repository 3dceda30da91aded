"""The links of the chain, one file each; `chain.py` says what each is for and in which order they stand."""
