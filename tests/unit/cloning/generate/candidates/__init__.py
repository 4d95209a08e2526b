"""Which engine speaks, and what becomes of a checkpoint that can't be used."""
