"""Tests of `cscd.worker.watch`."""
