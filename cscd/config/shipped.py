"""The text of the shipped configuration file: every key with its default, its meaning and its unit.

`config/cscd.yaml` is this text; a test fails while it differs.
"""

import textwrap
from collections.abc import Iterator
from typing import Final

from cscd.config.outline import Key, outline

_WIDTH: Final = 100
_INDENT: Final = "  "

_HEAD: Final = """\
# cscd: the configuration of this computer, at its defaults. A key that is left out has its default, too.
#
# Files in cscd.yaml.d/ whose names end in .yaml are laid over this one, in the order of their names: sections
# are merged key by key, lists and single values are replaced.
#
#   cscd config check             say what is wrong, by file:line:column
#   cscd config show --origins    what is in force, and where it is written
#   systemctl reload cscd         apply it; a configuration with an error is refused and the old one stays
#
# Durations are seconds, or numbers with s, m, h or d: 90, 90s, 10m, 1h, 1d. Sizes are bytes, or numbers
# with K, M, G or T (powers of 1024): 65536, 64K, 64M. true and false are the only booleans: yes, no, on and
# off are text here.
"""


def shipped() -> str:
    """Return the text."""
    return "\n".join([_HEAD.rstrip("\n"), *_lines()]) + "\n"


def _lines() -> Iterator[str]:
    for key in outline():
        indent = _INDENT * (len(key.path) - 1)
        yield ""
        yield from textwrap.wrap(
            key.meaning,
            _WIDTH,
            initial_indent=f"{indent}# ",
            subsequent_indent=f"{indent}# ",
            break_on_hyphens=False,
        )
        if key.section is None:
            yield from _expected(key, indent)
        default = "" if key.section else f" {key.written(key.default)}"
        yield f"{indent}{key.path[-1]}:{default}"


def _expected(key: Key, indent: str) -> Iterator[str]:
    """Yield what the key takes."""
    lead = f"{indent}# Takes "
    yield from textwrap.wrap(
        f"{key.phrase}.",
        _WIDTH,
        initial_indent=lead,
        subsequent_indent=f"{indent}# ",
        break_on_hyphens=False,
    )
