"""Passes on filesystems that are full, or lack what the protocol stands on."""
