"""What a person at a terminal sees: long work as a bar, or as plain lines where there is no terminal, on stderr."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

Steps = Callable[[str, float], None]
"""Called with the name of the step that begins and the share of the work done before it, 0 to 1."""


@contextmanager
def shown_steps(*, quiet: bool) -> Iterator[Steps]:
    """Something that shows each step as it begins."""
    console = Console(stderr=True)
    if quiet:
        yield _ignore
    elif console.is_terminal:
        with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console) as bar:
            task = bar.add_task("", total=1.0)
            yield lambda step, share: bar.update(task, description=step, completed=share)
            bar.update(task, description="done", completed=1.0)
    else:
        yield lambda step, share: console.print(f"{100 * share:3.0f} % {step}", markup=False, highlight=False)


def _ignore(step: str, share: float) -> None:
    pass


def print_values(values: Mapping[str, Any]) -> None:
    """Nested values as a table of names and values."""
    grid = Table(show_header=False, box=None)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _rows(values):
        grid.add_row(Text(name), Text(value))
    Console().print(grid)


def _rows(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{above}{name}.")
        else:
            yield above + name, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
