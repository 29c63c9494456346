"""Run the header target under libFuzzer.

A session for a minute, which keeps what it learns in a folder::

    python -m tests.fuzz.fuzz_header -max_total_time=60 /tmp/corpus

libFuzzer's other options work as well, ``-atheris_runs=100000`` for one.
"""

from tests.fuzz.session import fuzz

MAX_LENGTH = 4096
"""Bytes of an input at most: every rule of the format shows in less."""

if __name__ == "__main__":
    fuzz("header_target", MAX_LENGTH)
