"""SAM2 with Context-Edge Hybrid Adapters, on official weights or from scratch."""
