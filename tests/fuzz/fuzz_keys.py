"""Run the target of keys under libFuzzer, as `fuzz_header` does for headers."""

from tests.fuzz.session import fuzz

MAX_LENGTH = 4096
"""Bytes of an input at most: two recipients of the longest type."""

if __name__ == "__main__":
    fuzz("keys_target", MAX_LENGTH)
