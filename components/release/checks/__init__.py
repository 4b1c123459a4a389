"""The gate's single conditions, by what they ask about; the verdict over all is components/release/gate.py."""
