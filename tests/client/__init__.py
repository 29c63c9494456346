"""Tests of the client for programs, against the service's own side of the bus."""
