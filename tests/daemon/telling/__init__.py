"""Tests of `cscd.daemon.telling`."""
