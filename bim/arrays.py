"""Arrays and JSON values in one file that is mapped, not read: consecutive .npy records, the first holds the JSON.

It carries results out of child processes and keeps meshes in the cache. Nothing in it can execute: no pickles.
"""

import contextlib
import json
import math
import os
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Payload = dict[str, Any]
"""Names to numpy arrays or JSON values."""

ALIGNMENT = 64


def write_arrays(file: IO[bytes], payload: Payload) -> None:
    """Write `payload` at the start of a seekable binary file."""
    arrays = {name: value for name, value in payload.items() if isinstance(value, np.ndarray)}
    values = {name: value for name, value in payload.items() if name not in arrays}
    index = json.dumps({"values": values, "arrays": list(arrays)}, allow_nan=False).encode()
    file.seek(0)
    for array in (np.frombuffer(index, np.uint8), *arrays.values()):
        file.seek(-file.tell() % ALIGNMENT, 1)
        np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    file.flush()


def map_arrays(file: IO[bytes]) -> Payload:
    """What `write_arrays` wrote, the arrays as read-only maps of the file; they outlive its deletion.

    Raises ValueError or OSError for anything else, also for records that claim more than the file holds.
    """
    file.seek(0)
    index = json.loads(_map_array(file).tobytes())
    payload: Payload = index["values"]
    return payload | {str(name): _map_array(file) for name in index["arrays"]}


def _map_array(file: IO[bytes]) -> npt.NDArray[Any]:
    file.seek(-file.tell() % ALIGNMENT, 1)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"array record of version {version}; this file has only version (1, 0)")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject:
        raise ValueError("array record holds Python objects; only numbers and text are accepted")
    start = file.tell()
    mapped = np.memmap(file, dtype, "r", start, shape, "F" if fortran else "C") if 0 not in shape else np.zeros(shape)
    file.seek(start + math.prod(shape) * dtype.itemsize)
    return np.asarray(mapped, dtype)


def keep_arrays(path: Path, payload: Payload) -> None:
    """Put `payload` into a cache file, whole or not at all; a full or read-only disk costs time, not the result."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                write_arrays(file, payload)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink()
            raise


def kept_arrays(path: Path) -> Payload | None:
    """What `keep_arrays` kept, None where it is not there or not whole."""
    try:
        with path.open("rb") as file:
            return map_arrays(file)
    except (OSError, ValueError, KeyError, TypeError):
        return None
