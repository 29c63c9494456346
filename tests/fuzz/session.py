"""One session of libFuzzer on a target, by way of `atheris`."""

import importlib
import sys
from pathlib import Path

import atheris


def fuzz(target: str, max_length: int) -> None:
    """Feed inputs of at most `max_length` bytes to the module `target` of this folder until told otherwise.

    The command line is libFuzzer's: its options, and the folder that it keeps in what it learns. Does not
    return, as libFuzzer ends the process.
    """
    with atheris.instrument_imports(include=["cscd", "tests.fuzz"]):
        module = importlib.import_module(f"tests.fuzz.{target}")
    for argument in sys.argv[1:]:
        if not argument.startswith("-"):
            _fill_corpus(Path(argument), [seed[:max_length] for seed in module.seeds()])
    atheris.Setup([*sys.argv, f"-max_len={max_length}"], module.check)
    atheris.Fuzz()


def _fill_corpus(folder: Path, seeds: list[bytes]) -> None:
    """Make `folder` if it is missing, and fill it with `seeds` if it is empty.

    Without them the fuzzer would have to guess the format.
    """
    folder.mkdir(exist_ok=True)
    if not any(folder.iterdir()):
        for number, seed in enumerate(seeds):
            (folder / f"seed-{number}").write_bytes(seed)
