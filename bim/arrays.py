"""Arrays and JSON values in one file that is mapped, not read: consecutive .npy records, the first holds the JSON.

It carries results out of child processes and keeps meshes in the cache. Nothing in it can execute: no pickles.
"""

import json
import math
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
