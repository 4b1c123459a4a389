"""Signals of served traffic to whether it still is what the model was built on: kept rows, tests, a report, a request.

Leaves out: what a row holds (components/promptable/signals.py), and retraining (pipelines).
"""
