"""Tests of the keys that are kept in files."""
