"""The benchmarks: each file of benchmarks/ with a `measure(shared)` that returns its figures."""

import importlib
import os
from pathlib import Path
from typing import Any

from bim.errors import BadInput

ROOT = Path(__file__).parents[1]
SHARED = "SITEWRIGHT_SHARED"


def names() -> list[str]:
    """The benchmarks that there are."""
    files = sorted((ROOT / "benchmarks").glob("*.py"))
    return [file.stem for file in files if "\ndef measure(" in file.read_text(encoding="utf-8")]


def measure(name: str) -> dict[str, Any]:
    """The figures of one benchmark. Raises BadInput for an unknown name and where its data is absent."""
    if name not in names():
        raise BadInput(f"no benchmark {name}", f"one of {', '.join(names())}, in a checkout", "correct the name")
    benchmark = importlib.import_module(f"benchmarks.{name}")
    shared = Path(os.environ.get(SHARED, ROOT.parent / "shared"))
    if not shared.is_dir() and getattr(benchmark, "NEEDS_SHARED", True):
        raise BadInput(f"no folder {shared}", "the shared test data", f"set {SHARED} to it")
    figures: dict[str, Any] = benchmark.measure(shared)
    return figures
