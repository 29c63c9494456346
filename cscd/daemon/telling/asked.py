"""What all questions over the control socket have in common."""

from pydantic import BaseModel, ConfigDict


class Asked(BaseModel):
    """A question: bounded, and quoted in no error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
