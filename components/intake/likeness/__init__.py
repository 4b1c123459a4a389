"""Two images, to whether one is a near copy of the other: keys that find candidates, fine structure that proves."""
