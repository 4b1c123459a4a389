"""A candidate to a built Bento, tried in a process of its own, and to what was measured of it."""
