"""The harmonised form on disk: records, shards, and the metadata beside them that other tools read."""
