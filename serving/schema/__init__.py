"""What clients send and get, as types: strict, finite, bounded; unknown keys are refused."""
