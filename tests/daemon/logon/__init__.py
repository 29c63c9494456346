"""Tests of `cscd.daemon.logon`."""
