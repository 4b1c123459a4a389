"""Records, to the clusters that must stay together, their sides, and the proof and report of both."""
