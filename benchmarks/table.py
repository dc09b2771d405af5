"""The rows of the table in benchmarks/README.md, and how they get there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- figures of {name} -->", "<!-- end of {name} -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; `met` is None where there is no goal."""

    name: str
    value: float
    goal: str
    met: bool | None
    note: str = ""

    @classmethod
    def at_most(cls, name: str, value: float, goal: float, note: str = "", shown: str = "") -> "Row":
        """A figure that should not exceed its goal; `shown` is how the goal is written."""
        return cls(name, value, shown or f"<= {goal:.2f}", value <= goal, note)

    def cells(self) -> tuple[str, str, str, str, str]:
        value = f"{self.value:.2f}" if abs(self.value) < 20 else f"{self.value:.0f}"
        return self.name, value, self.goal, {True: "yes", False: "**no**", None: ""}[self.met], self.note


def as_markdown(rows: Sequence[Row]) -> str:
    head = ["| figure | measured | goal | met | |", "| --- | ---: | --- | --- | --- |"]
    return "\n".join([*head, *(f"| {' | '.join(row.cells())} |" for row in rows)])


def put_in_readme(found: Mapping[str, Sequence[Row]], readme: Path = README) -> None:
    """Replace the tables of the benchmarks that were run; the others stay."""
    text = readme.read_text(encoding="utf-8")
    for name, rows in found.items():
        begin, end = BEGIN.format(name=name), END.format(name=name)
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{as_markdown(rows)}\n{end}{after}"
    readme.write_text(text, encoding="utf-8")
