"""The age format: its own rules, the published vectors, and other implementations."""
