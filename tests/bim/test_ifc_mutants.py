"""Broken models of every schema: a building or one BadModel, in time, and nothing left behind."""

import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.ifc_mutants import LIMITS, SCHEMAS, outcomes, write_sample
from bim.errors import BadModel
from bim.ifc import read_building
from bim.ifc_authoring import Schema

MUTANTS = 25


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_broken_model_is_read_or_refused_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: Schema
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    sample = write_sample(tmp_path, schema)
    before, children = sorted(tmp_path.rglob("*")), psutil.Process().children()
    ends = {outcome for outcome, _ in outcomes(sample, MUTANTS, np.random.default_rng(20))}
    assert "refused" in ends
    assert sorted(tmp_path.rglob("*")) == before
    assert set(psutil.Process().children()) <= set(children)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.ifc", b""),
        ("other.ifc", b"%PDF-1.7"),
        ("head.ifc", b"ISO-10303-21;\nHEADER;\nFILE_SCHEMA(('IFC4'));\n"),
        ("nested.ifc", b"ISO-10303-21;HEADER;FILE_SCHEMA(('IFC4'));ENDSEC;DATA;\n#1=IFCWALL(" + b"(" * 100_000),
        ("zip.ifczip", b"PK\x03\x04 no archive"),
    ],
)
def test_what_is_no_model_is_refused_with_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadModel):
        read_building([path], cache=None, limits=LIMITS)
