"""The generated part of `docs/metrics.md`; ``python -m tests.daemon.documentation`` writes it anew."""

import re
from collections.abc import Iterator
from pathlib import Path

from cscd.daemon.telling.exposition import METRICS

MANUAL = Path(__file__).parent.parent.parent / "docs" / "metrics.md"

_PART = re.compile(r"(<!-- generated: metrics -->\n).*?(<!-- end -->)", re.DOTALL)


def table() -> Iterator[str]:
    """Yield the table of metrics."""
    yield "| Metric | Type | Labels | Meaning |"
    yield "| --- | --- | --- | --- |"
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        kind = "counter" if metric.counter else "gauge"
        yield f"| `{metric.name}` | {kind} | {labels} | {metric.meaning} |"


def renewed(text: str) -> str:
    """The page with its generated part as it should be."""
    body = "\n".join(table())
    return _PART.sub(lambda match: f"{match[1]}{body}\n{match[2]}", text)


if __name__ == "__main__":
    MANUAL.write_text(renewed(MANUAL.read_text(encoding="utf-8")), encoding="utf-8")
