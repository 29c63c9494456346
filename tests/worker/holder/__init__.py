"""The holder: what takes secrets."""
