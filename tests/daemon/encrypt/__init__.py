"""Tests of `cscd.daemon.encrypt`."""
