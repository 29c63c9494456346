"""An error of D-Bus as the answer to a broken call. What comes of a good one is a code, never an error."""

from dbus_fast import ErrorType, Message


class Refusal(Exception):  # noqa: N818 - not an error of ours: the call is answered with it
    """A call cannot be carried out as it stands."""

    def __init__(self, error: ErrorType, message: str) -> None:
        """Take the error, and what to do about it in a sentence."""
        super().__init__(message)
        self.error = error

    def reply_to(self, call: Message) -> Message:
        """Return the answer."""
        return Message.new_error(call, self.error, str(self))
