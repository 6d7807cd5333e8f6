"""A hub's database made anew from its store, when nothing else is left of it (design, rule 4)."""
