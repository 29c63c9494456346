"""Tests of `cscd.worker.keeping`."""
