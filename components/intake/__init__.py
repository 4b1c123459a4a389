"""From a raw folder in its original layout to checked, harmonised, split records."""
