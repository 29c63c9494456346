"""Tests of `cscd.events`, one module for one."""
