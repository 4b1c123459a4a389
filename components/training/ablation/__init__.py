"""What each part of the method is worth: variants of one training, scored together, in one table."""
