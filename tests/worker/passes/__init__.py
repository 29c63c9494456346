"""Tests of `cscd.worker.passes`."""
