"""Swarmstead: agents work in your stead; you stay in charge.

*People* register *agents*, declared as *resources*. *Permits* and *budgets* bound what
agents may do and spend. *Models* think for them; the *gateway* is their only way to a
tool. *Runs* carry the work out and survive crashes. *Audit* remembers; *telemetry*
shows. *Storage* keeps all of it in one file or one Postgres. *Doors* let the world in.

Read `docs/index.md` for the map, and each room's `contract.py` for what it offers.
"""

__version__ = "0.1.0"
