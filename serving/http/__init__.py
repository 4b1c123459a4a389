"""HTTP requests to calls of the engine and back. Leaves out: computing (serving/engine), health of the process."""
