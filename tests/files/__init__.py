"""Tests of `cscd.files`, one module for one."""
