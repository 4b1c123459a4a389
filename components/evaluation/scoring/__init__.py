"""A prediction and its truth to the numbers of a case."""
