"""Targets for a coverage-guided fuzzer, and short runs of them with every test run."""
