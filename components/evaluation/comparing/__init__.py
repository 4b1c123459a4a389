"""Scored cases to means, intervals, differences and parts: what `metrics.json` says."""
