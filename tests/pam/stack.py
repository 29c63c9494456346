"""PAM with a stack of modules of our own: a program, for it may not end as it began.

Its arguments are a directory with the stack, whose name is "stack", the user, what is answered to every
question, and seconds after which it gives up. It prints what PAM showed and asked, and last what came of it.
"""

import ctypes
import signal
import sys

_SUCCESS = 0
_ECHO_OFF, _TEXT_INFO = 1, 4


class Message(ctypes.Structure):
    """struct pam_message (pam_conv(3))."""

    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class Response(ctypes.Structure):
    """struct pam_response."""

    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


_Conversation = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.POINTER(Response)),
    ctypes.c_void_p,
)


class Conversation(ctypes.Structure):
    """struct pam_conv."""

    _fields_ = (("function", _Conversation), ("data", ctypes.c_void_p))


def say(what: str, content: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{what} {content}\n")


def main(directory: str, user: str, answer: str, limit: str) -> None:
    """Authenticate, and print what was shown, what was asked and the result, each in a line."""
    signal.alarm(int(limit))
    libc, pam = ctypes.CDLL(None), ctypes.CDLL("libpam.so.0")
    libc.calloc.restype = libc.strdup.restype = ctypes.c_void_p

    def converse(count: int, messages: ctypes.Array, responses: ctypes.Array, _data: None) -> int:  # type: ignore[type-arg]
        """Answer every question; PAM frees the answers."""
        place = libc.calloc(count, ctypes.sizeof(Response))
        responses[0] = ctypes.cast(place, ctypes.POINTER(Response))
        for number in range(count):
            message = messages[number].contents
            say("asked" if message.style == _ECHO_OFF else "shown", message.text.decode())
            if message.style == _ECHO_OFF:
                responses[0][number].text = libc.strdup(answer.encode())
        return _SUCCESS

    handle = ctypes.c_void_p()
    conversation = Conversation(_Conversation(converse), None)
    started = pam.pam_start_confdir(
        b"stack", user.encode(), ctypes.byref(conversation), directory.encode(), ctypes.byref(handle)
    )
    assert started == _SUCCESS, started
    say("result", str(pam.pam_authenticate(handle, 0)))
    pam.pam_end(handle, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
