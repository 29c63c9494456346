"""Tests of `cscd.worker`, one module for one."""
