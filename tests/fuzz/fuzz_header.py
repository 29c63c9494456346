"""Run the header target under libFuzzer, by way of `atheris`.

A session for a minute, which keeps what it learns in a folder::

    python tests/fuzz/fuzz_header.py -max_total_time=60 /tmp/corpus

libFuzzer's other options work as well, ``-atheris_runs=100000`` for one. An empty or missing folder is first
filled with the test vectors, without which the fuzzer would have to guess the format.
"""

import sys
from pathlib import Path

import atheris

MAX_LENGTH = 4096
"""Bytes of an input at most: every rule of the format shows in less."""


def main() -> None:
    """Fuzz until told otherwise; libFuzzer ends the process."""
    sys.path.insert(0, str(Path(__file__).parent.parent.parent))
    with atheris.instrument_imports(include=["cscd", "tests.fuzz"]):
        from tests.fuzz import header_target  # noqa: PLC0415 - the fuzzer follows what is imported here
    for argument in sys.argv[1:]:
        if not argument.startswith("-"):
            header_target.fill_corpus(Path(argument), MAX_LENGTH)
    atheris.Setup([*sys.argv, f"-max_len={MAX_LENGTH}"], header_target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
