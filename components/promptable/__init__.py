"""The promptable segmenter that teacher and students share: adapter, trunk, encode and decode."""
