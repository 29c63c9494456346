"""A path as JSON can hold it: exactly, whatever bytes it has."""

import base64

from pydantic import BaseModel, ConfigDict


class Name(BaseModel):
    """A path, exactly."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    text: str
    """The path; bytes that are not UTF-8 are replaced by U+FFFD."""
    base64: str | None
    """The path's bytes in Base64 (RFC 4648), only where they are not UTF-8; else null."""

    @classmethod
    def of(cls, path: str) -> "Name":
        """Describe a path as Python has it."""
        raw = _bytes(path)
        text = raw.decode("utf-8", "replace")
        exact = text.encode("utf-8") == raw
        return cls(text=text, base64=None if exact else base64.b64encode(raw).decode("ascii"))

    @property
    def path(self) -> str:
        """The path as Python has it. Raises ValueError for what is no Base64."""
        if self.base64 is None:
            return self.text
        return base64.b64decode(self.base64, validate=True).decode("utf-8", "surrogateescape")


def _bytes(path: str) -> bytes:
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # os.fsdecode never gives such a one, but a worker that lies may
        return path.encode("utf-8", "surrogatepass")
