"""Prompts, metrics, statistics and the two validations."""
