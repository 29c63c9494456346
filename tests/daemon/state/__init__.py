"""Tests of `cscd.daemon.state`."""
