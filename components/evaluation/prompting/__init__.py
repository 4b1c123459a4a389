"""Truth to prompts, drawn or clicked against a mask."""
