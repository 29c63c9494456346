"""Bech32 (BIP 173) without its length limit: how age writes recipients and identities.

BIP 173 ends at 90 characters because its checksum finds up to four errors only that far. The age
specification ("Conventions") drops the limit, and so do we; callers bound their input.
"""

from collections.abc import Iterable
from typing import Final

from cscd.errors import KeyFormatError

_CHARSET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
"""The 32 data characters in order of their value (BIP 173, "Bech32")."""

_VALUE: Final = {character: value for value, character in enumerate(_CHARSET)}

_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
"""Coefficients of the checksum's BCH code (BIP 173, "Checksum")."""

_CHECKSUM: Final = 6
"""Characters of the checksum at the end."""


def encode(hrp: str, data: bytes) -> str:
    """Return `data` under the lowercase human-readable part `hrp`."""
    values = list(_regroup(data, 8, 5, pad=True))
    checksum = _polymod([*_expand(hrp), *values, *([0] * _CHECKSUM)]) ^ 1
    values += [checksum >> 5 * (_CHECKSUM - 1 - i) & 31 for i in range(_CHECKSUM)]
    return hrp + "1" + "".join(_CHARSET[value] for value in values)


def decode(text: str) -> tuple[str, bytes]:
    """Return the human-readable part, in the case it was written in, and the data of `text`.

    Raises KeyFormatError for mixed case, foreign characters, a wrong checksum or non-zero padding. The
    message never holds any of `text`, which may be a secret.
    """
    lower = text.lower()
    if text not in (lower, text.upper()):
        raise KeyFormatError("a key is written either all in lower case or all in upper case")
    hrp, separator, tail = lower.rpartition("1")
    if not (separator and hrp and len(tail) >= _CHECKSUM and all("!" <= c <= "~" for c in hrp)):
        raise KeyFormatError("this is not a Bech32 string")
    values = [_VALUE.get(character, -1) for character in tail]
    if min(values) < 0 or _polymod([*_expand(hrp), *values]) != 1:
        raise KeyFormatError("the key has a typing error: its checksum does not match")
    return text[: len(hrp)], bytes(_regroup(values[:-_CHECKSUM], 5, 8, pad=False))


def _expand(hrp: str) -> list[int]:
    """Spread `hrp` over 5-bit values for the checksum, high bits first (BIP 173, "Checksum")."""
    codes = hrp.encode("ascii")
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _polymod(values: Iterable[int]) -> int:
    """Return the remainder of `values`, read as a polynomial over GF(32), modulo the BCH generator."""
    remainder = 1
    for value in values:
        top = remainder >> 25
        remainder = (remainder & 0x1FFFFFF) << 5 ^ value
        for bit, coefficient in enumerate(_GENERATOR):
            if top >> bit & 1:
                remainder ^= coefficient
    return remainder


def _regroup(values: Iterable[int], width: int, new_width: int, *, pad: bool) -> Iterable[int]:
    """Cut a stream of `width`-bit values into `new_width`-bit ones, the last one filled up if `pad`.

    Without `pad` what is left over must be zero and less than a whole input value, or one key would have
    several spellings; KeyFormatError otherwise.
    """
    pending = bits = 0
    for value in values:
        pending = pending << width | value
        bits += width
        while bits >= new_width:
            bits -= new_width
            yield pending >> bits
            pending &= (1 << bits) - 1
    if pad:
        if bits:
            yield pending << (new_width - bits)
    elif pending or bits >= width:
        raise KeyFormatError("the key has stray bits after its last byte")
