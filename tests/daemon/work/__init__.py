"""Tests of `cscd.daemon.work`."""
