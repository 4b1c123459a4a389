"""Validation images to `calibration.json`: confidence, when to abstain, and the guard."""
