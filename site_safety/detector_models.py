"""Model files: checked by hash, tried in a child process with limits, then run here on one thread.

site_safety/models/models.toml says of each shipped file what it is, where it comes from, its licence and its hash;
beside it lies a card with what was measured.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated
from site_safety.tracks import Picture as Picture

Floats = npt.NDArray[np.float32]
Shape = tuple[int | str, ...]
"""Dimensions; a name stands for one that is free."""

MODELS = Path(__file__).parent / "models"
LIMITS = Limits(memory_bytes=4 * GIB, cpu_s=60.0, wall_s=120.0)
LARGEST_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class Shipped:
    """What models.toml says of a file."""

    file: str
    sha256: str
    licence: str
    origin: str
    measured: str


class Network:
    """An ONNX model with one picture as input."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = name
        self._session = _session(content)
        self._input = self._session.get_inputs()[0].name
        self.input_shape: Shape = tuple(self._session.get_inputs()[0].shape)
        self.outputs = [(each.name, tuple(each.shape)) for each in self._session.get_outputs()]

    def run(self, pixels: Floats) -> list[Floats]:
        """The outputs for pixels (N, 3, H, W)."""
        answers: list[Floats] = self._session.run(None, {self._input: pixels})
        return answers


@cache
def catalogue() -> dict[str, Shipped]:
    """The shipped models by name."""
    text = (MODELS / "models.toml").read_text(encoding="utf-8")
    return {name: Shipped(**entry) for name, entry in tomllib.loads(text).items()}


def shipped(name: str) -> Network:
    """A model that came with Sitewright. Raises BadInput where its file is not the one that was measured."""
    entry = catalogue()[name]
    return Network(name, checked_content(MODELS / entry.file, entry.sha256))


def checked_content(path: Path, sha256: str) -> bytes:
    """The bytes of a file whose hash is known. Raises BadInput for any other content."""
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BadInput(f"{path.name} has SHA-256 {found[:16]}…", f"{sha256[:16]}…", "install Sitewright again")
    return content


def open_network(path: Path) -> Network:
    """A model file of the user's own: loaded and run once in a child process first, so that a bad one harms nothing."""
    if not path.is_file():
        raise BadInput(f"no file {path}", "an ONNX model", "check the path")
    if (size := path.stat().st_size) > LARGEST_BYTES:
        raise BadInput(f"{path.name} has {size} bytes", f"a model of at most {LARGEST_BYTES}", "choose a smaller one")
    content = path.read_bytes()
    isolated(_try_out, content, limits=LIMITS, failure=BadInput, what=f"model {path.name}")
    return Network(path.stem, content)


def _try_out(content: bytes) -> Payload:
    try:
        session = _session(content)
    except Exception as error:
        said = str(error).splitlines()[0][:120]
        raise BadInput(f"no ONNX model ({said})", "an ONNX file", "export the model again") from None
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{each.name} {each.shape} {each.type}" for each in inputs)
        raise BadInput(f"a model with inputs {found}", "one input (1, 3, H, W) of floats", "choose another model")
    session.run(None, {inputs[0].name: np.zeros(_any_size(inputs[0].shape), np.float32)})
    return {"outputs": len(session.get_outputs())}


def _any_size(shape: list[int | str]) -> list[int]:
    return [size if isinstance(size, int) else free for size, free in zip(shape, (1, 3, 320, 320), strict=True)]


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
