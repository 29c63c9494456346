"""The generated parts of `docs/command-line.md`: exit codes, reasons, and the fields of the JSON objects.

``python -m tests.cli.documentation`` writes them anew; a test fails while they differ.
"""

import re
import types
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from cscd.cli.exitcodes import SEVERITY, ExitCode
from cscd.cli.inspect import InspectReport
from cscd.cli.keys.change import KeyChangeReport
from cscd.cli.keys.machine import MachineReport
from cscd.cli.keys.recovery import RecoveryReport
from cscd.cli.keys.show import KeysReport
from cscd.cli.rehearsal import DrillReport
from cscd.cli.report import RecoverReport, Report
from cscd.cli.verdict import EXITS, EncryptReport
from cscd.client import Code
from cscd.daemon.telling.status import Status, UserStatus
from cscd.files.outcome import Lasting, Reason

ROOT = Path(__file__).parent.parent.parent
MANUAL = ROOT / "docs" / "command-line.md"

LASTING = {
    Lasting.FINE: "no",
    Lasting.BRIEF: "yes, until it is tried again",
    Lasting.LOCKED: "yes, until the key is unlocked",
    Lasting.STAYS: "yes",
}


def exit_codes() -> Iterator[str]:
    """Yield the table of exit codes."""
    yield "| Code | Name | Meaning |"
    yield "| ---: | --- | --- |"
    for code in ExitCode:
        yield f"| {code.value} | `{code.name.lower()}` | {code.meaning} |"


def severity() -> Iterator[str]:
    """Yield the order in which one of several codes is chosen."""
    yield ", ".join(str(code.value) for code in SEVERITY if code is not ExitCode.OK) + "."


def codes() -> Iterator[str]:
    """Yield the table of what Encrypt returns, and what the commands exit with for it."""
    yield "| Code | Name | Meaning | Exit code |"
    yield "| ---: | --- | --- | ---: |"
    for code, exit_code in EXITS.items():
        also = f", {ExitCode.DAMAGED.value} if items are damaged" if code is Code.DECRYPTION_FAILED else ""
        yield f"| {code.value} | `{code.label}` | {code.meaning} | {exit_code.value}{also} |"


def reasons() -> Iterator[str]:
    """Yield the table of reasons for leaving an item alone."""
    yield "| Name | Meaning | Leaves the tree partial |"
    yield "| --- | --- | --- |"
    for reason in Reason:
        yield f"| `{reason.value}` | {reason.meaning} | {LASTING[reason.lasting]} |"


def fields(top: type[BaseModel], *elsewhere: type[BaseModel]) -> Iterator[str]:
    """Yield a table for a model and for each model within it that is not explained elsewhere."""
    todo, done = [top], set(elsewhere)
    while todo:
        model = todo.pop(0)
        if model in done:
            continue
        done.add(model)
        if model is not top:
            yield from ("", f"`{model.__name__}`: {_sentence(model.__doc__)}", "")
        yield "| Field | Type | Meaning |"
        yield "| --- | --- | --- |"
        for name, field in model.model_fields.items():
            yield f"| `{name}` | {_type(field.annotation)} | {_sentence(field.description)} |"
            todo += _models(field.annotation)


SECTIONS: dict[str, Callable[[], Iterator[str]]] = {
    "severity": severity,
    "exit codes": exit_codes,
    "reasons": reasons,
    "recheck": partial(fields, Report),
    "status": partial(fields, Status),
    "recover": partial(fields, RecoverReport),
    "inspect": partial(fields, InspectReport),
    "keys show": partial(fields, KeysReport),
    "keys change": partial(fields, KeyChangeReport),
    "keys machine seal": partial(fields, MachineReport),
    "keys recovery-init": partial(fields, RecoveryReport),
    "keys recovery-drill": partial(fields, DrillReport),
    "codes": codes,
    "encrypt": partial(fields, EncryptReport, UserStatus),
}


def renewed(text: str) -> str:
    """The manual with every generated part as it should be."""
    for name, section in SECTIONS.items():
        begin, end = f"<!-- generated: {name} -->", "<!-- end -->"
        pattern = re.compile(rf"({re.escape(begin)}\n).*?({end})", re.DOTALL)
        if not pattern.search(text):
            message = f"the manual has no part {begin}"
            raise ValueError(message)
        body = "\n".join(section())
        text = pattern.sub(partial(_filled, body), text)
    return text


def _filled(body: str, match: re.Match[str]) -> str:
    return f"{match[1]}{body}\n{match[2]}"


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _models(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401 - a type, of whatever kind
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _type(annotation: Any) -> str:  # noqa: ANN401 - a type, of whatever kind
    """Say in JSON's words what an annotation allows."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal:
        return " or ".join(f"`{part!r}`".replace("'", '"') for part in parts)
    if origin is tuple:
        return f"array of {_type(parts[0])}"
    if origin in (Union, types.UnionType):
        return " or ".join(_type(part) for part in parts)
    if issubclass(annotation, StrEnum):
        return " or ".join(f'`"{member.value}"`' for member in annotation)
    names = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
    return names.get(annotation, f"`{annotation.__name__}`")


if __name__ == "__main__":
    MANUAL.write_text(renewed(MANUAL.read_text(encoding="utf-8")), encoding="utf-8")
