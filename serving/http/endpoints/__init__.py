"""One file for each group of endpoints: a request is read, the engine is called, the answer is written."""
