"""Tests of `cscd.daemon.dbus`."""
