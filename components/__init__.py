"""SonoForge's library: from raw ultrasound folders to a released segmenter.

Imports run one way (held by import-linter, drawn in docs/architecture.md). Nothing here knows Prefect,
BentoML or the command line.
"""
