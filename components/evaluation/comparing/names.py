"""What roles and the kinds of subgroup are called in every table: names alone, so that whoever only words them loads
nothing heavy.

Leaves out: the names of prompts (components/evaluation/prompting/prompts.py) and of baselines.
"""

from __future__ import annotations

SUBJECT = "student"
"""Whom a validation is about."""
CHAMPION = "champion"
"""The model in use."""
ORIGINS = ("scanner", "site")
"""By what machine and where an image was taken, where its dataset says so."""
