"""Bytes and prompts to masks: what the service computes, without its web server."""
