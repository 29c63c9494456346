"""An account that is named as an argument, by name or by uid."""

import pwd


def find(text: str) -> pwd.struct_passwd | None:
    """Return the entry of the user database, None where nobody is called that."""
    try:
        return pwd.getpwuid(int(text)) if text.isascii() and text.isdigit() else pwd.getpwnam(text)
    except (KeyError, OverflowError, ValueError):
        return None
