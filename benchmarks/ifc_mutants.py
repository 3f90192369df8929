"""IFC models of every schema, broken in seeded ways: each ends as a building or as one BadModel, and in time."""

import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bim.errors import BadModel
from bim.ifc import read_building
from bim.ifc_authoring import Author, Opening, Schema
from bim.isolation import GIB, Limits

LIMITS = Limits(memory_bytes=2 * GIB, cpu_s=20.0, wall_s=40.0)
SCHEMAS: tuple[Schema, ...] = ("IFC2X3", "IFC4", "IFC4X3_ADD2")
MUTANTS = 400
"""Of each schema."""
NUMBERS = (b"0.", b"-1.", b"1.E308", b"-1.E308", b"1.E-300", b"NAN", b"99999999999999999999", b"$", b"*", b"()", b"'x'")
_NUMBER, _REFERENCE, _WORD = rb"(?<=[(,])-?\d+\.?\d*(?:E-?\d+)?(?=[),])", rb"#\d+", rb"IFC[A-Z0-9]{3,}"


def measure(shared: Path) -> dict[str, Any]:
    """How many mutants of each schema ended how, and the longest that one took."""
    counts: dict[str, Counter[str]] = {}
    slowest_s = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for schema in SCHEMAS:
            counts[schema] = Counter()
            for outcome, seconds in outcomes(write_sample(Path(folder), schema), MUTANTS, np.random.default_rng(1)):
                counts[schema][outcome] += 1
                slowest_s = max(slowest_s, seconds)
    return {"mutants": {name: dict(count) for name, count in counts.items()}, "slowest_s": round(slowest_s, 2)}


def write_sample(folder: Path, schema: Schema) -> Path:
    """A room with a door, a window, a column and a slab."""
    made = Author("Room", schema)
    ground = made.storey("Ground", 0.0)
    holes = [
        Opening("door", "Door", at_m=0.5, width_m=0.9, height_m=2.1),
        Opening("window", "Window", at_m=2.0, width_m=1.2, height_m=1.2, sill_m=0.9),
    ]
    made.wall(ground, "Wall", (0, 0), (5, 0), height_m=3.0, thickness_m=0.3, openings=holes)
    made.column(ground, "Column", (4, 3), (0.3, 0.3), 3.0)
    made.slab(ground, "Slab", [(0, 0), (5, 0), (5, 4), (0, 4)], 0.2, top_m=0.0)
    path = folder / f"{schema}.ifc"
    made.write(path)
    return path


def outcomes(sample: Path, count: int, rng: np.random.Generator) -> Iterator[tuple[str, float]]:
    """How reading each of `count` mutants of a model ends, "read" or "refused", and after how many seconds."""
    original = sample.read_bytes()
    mutant = sample.with_name("mutant.ifc")
    for _ in range(count):
        mutant.write_bytes(mutated(original, rng))
        start = time.perf_counter()
        try:
            read_building([mutant], cache=None, limits=LIMITS)
            outcome = "read"
        except BadModel:
            outcome = "refused"
        yield outcome, time.perf_counter() - start
    mutant.unlink()


def mutated(original: bytes, rng: np.random.Generator) -> bytes:
    """A broken copy: a number that lies, a reference that leads elsewhere, another type, other bytes, a cut."""
    match rng.integers(6):
        case 0:
            return original[: rng.integers(len(original))]
        case 1:
            data = bytearray(original)
            for at in rng.integers(len(data), size=rng.integers(1, 20)):
                data[at] = rng.integers(256)
            return bytes(data)
        case 2 | 3:
            return _replaced(original, _NUMBER, NUMBERS[rng.integers(len(NUMBERS))], rng)
        case 4:
            return _replaced(original, _REFERENCE, _any(original, _REFERENCE, rng), rng)
        case _:
            return _replaced(original, _WORD, _any(original, _WORD, rng), rng)


def _replaced(original: bytes, pattern: bytes, value: bytes, rng: np.random.Generator) -> bytes:
    """With up to three matches of the pattern in the data replaced."""
    data = original
    for _ in range(rng.integers(1, 4)):
        found = list(re.finditer(pattern, data[data.index(b"DATA;") :]))
        one, start = found[rng.integers(len(found))], data.index(b"DATA;")
        data = data[: start + one.start()] + value + data[start + one.end() :]
    return data


def _any(original: bytes, pattern: bytes, rng: np.random.Generator) -> bytes:
    found: list[bytes] = re.findall(pattern, original)
    return found[rng.integers(len(found))]
