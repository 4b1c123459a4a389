"""Which model serves, and what the service tells of itself to those who run it."""
