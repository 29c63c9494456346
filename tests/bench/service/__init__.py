"""Tests of the benchmark of the service: its parts that measure nothing themselves."""
