"""What was released, refused, approved and rolled back, and whether what stands there still is that."""
