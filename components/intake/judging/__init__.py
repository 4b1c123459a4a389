"""A table of facts, to faults and their pages."""
