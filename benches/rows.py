"""The rows that every benchmark returns, and the table that shows them."""

import math
import operator
from dataclasses import dataclass

COMPARISONS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq}


@dataclass(frozen=True)
class Row:
    """One figure.

    `bound` is like `>= 5`, or empty where the figure is only reported. `holds` is `None` where there is
    no bound or no figure; `value` is `nan` if there is no figure.
    """

    what: str
    value: float
    unit: str
    bound: str
    holds: bool | None
    detail: str

    @classmethod
    def of(cls, what: str, value: float, unit: str, bound: str = "", detail: str = "") -> "Row":
        """Makes a row whose `holds` follows from `value` and `bound`."""
        return cls(what, value, unit, bound, within(value, bound), detail)

    @classmethod
    def skipped(cls, what: str, why: str) -> "Row":
        """Makes a row for what could not be measured."""
        return cls(what, math.nan, "", "", None, f"skipped: {why}")


def within(value: float, bound: str) -> bool | None:
    """Returns whether `value` keeps to `bound`, `None` if there is no bound or no value."""
    if not bound or math.isnan(value):
        return None
    comparison, limit = bound.split()
    return COMPARISONS[comparison](value, float(limit))


def number(value: float) -> str:
    """Formats to three significant digits, thousands separated by commas, whole numbers whole."""
    if not math.isfinite(value):
        return "-"
    value = value if abs(value) >= 100 else float(f"{value:.3g}")
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def table(title: str, rows: list[Row]) -> str:
    """Formats the rows as a table in Markdown with aligned columns."""
    holds = {True: "yes", False: "NO", None: ""}
    cells = [["what", "value", "unit", "bound", "holds", "detail"]]
    cells += [[r.what, number(r.value), r.unit, r.bound, holds[r.holds], r.detail] for r in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    right = 1
    marks = ["-" * (width - 1) + ":" if at == right else "-" * width for at, width in enumerate(widths)]
    lines = [
        " | ".join(c.rjust(w) if at == right else c.ljust(w) for at, (c, w) in enumerate(zip(line, widths)))
        for line in [cells[0], marks, *cells[1:]]
    ]
    return "\n".join([f"### {title}", "", *(f"| {line} |" for line in lines), ""])
