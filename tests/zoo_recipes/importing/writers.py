"""Small writers of foreign formats, from their specifications, and archives made with them."""

import gzip
import io
import json
import struct
import tarfile
import zipfile

import numpy as np
import torch

FLOAT, INT32 = 1, 3


def plain_crc32c(content):
    """Bit by bit, as RFC 3720 defines it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _shifted(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


TABLE = [_shifted(byte) for byte in range(256)]


def crc32c(content):
    """The same by a table: what a byte leaves after all its bits."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked(content):
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number, value):
    """A field of a message: an integer, bytes, or a float of 4 bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fixed32(number, value):
    return varint(number << 3 | 5) + struct.pack("<I", value)


def shape_proto(shape):
    return b"".join(field(2, field(1, int(side)) if side else b"") for side in shape)


def snappy_literals(content):
    """Snappy's raw format without any copies."""
    out = varint(len(content))
    for start in range(0, len(content), 60):
        piece = content[start : start + 60]
        out += bytes([len(piece) - 1 << 2]) + piece
    return out


def block(entries, *, compress=False, restart_every=4):
    body, restarts, before = b"", [], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % restart_every:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        else:
            restarts.append(len(body))
        body += varint(shared) + varint(len(key) - shared) + varint(len(value))
        body += key[shared:] + value
        before = key
    body += b"".join(struct.pack("<I", place) for place in restarts)
    body += struct.pack("<I", len(restarts))
    kind = b"\x01" if compress else b"\x00"
    stored = (snappy_literals(body) if compress else body) + kind
    return stored + struct.pack("<I", masked(stored)), len(stored) - 1


def sorted_table(entries, *, per_block=3, compress=False):
    out, index = b"", []
    entries = sorted(entries)
    for start in range(0, len(entries), per_block):
        part = entries[start : start + per_block]
        content, size = block(part, compress=compress)
        index.append((part[-1][0], varint(len(out)) + varint(size)))
        out += content
    handles = b""
    for listed in ([], index):
        content, size = block(listed, restart_every=1)
        handles += varint(len(out)) + varint(size)
        out += content
    return out + handles.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def checkpoint(variables, *, compress=False):
    """(index, data) of a V2 checkpoint."""
    data, entries = b"", [(b"", field(1, 1) + field(3, field(1, 1)))]
    for name in sorted(variables):
        array = np.ascontiguousarray(variables[name])
        content = array.tobytes()
        kind = {"float32": FLOAT, "int64": 9}[str(array.dtype)]
        entry = field(1, kind) + field(2, shape_proto(array.shape))
        entry += field(4, len(data)) + field(5, len(content)) + fixed32(6, masked(content))
        entries.append((name.encode(), entry))
        data += content
    return sorted_table(entries, compress=compress), data


def tensor_proto(array, *, listed=False):
    array = np.asarray(array)
    kind = {"float32": FLOAT, "int32": INT32}[str(array.dtype)]
    message = field(1, kind) + field(2, shape_proto(array.shape))
    if not listed:
        return message + field(4, array.tobytes())
    if kind == FLOAT:
        return message + field(5, array.tobytes())
    return message + field(7, b"".join(varint(int(value)) for value in array.reshape(-1)))


def example_proto(**features):
    entries = b""
    for name, content in features.items():
        entries += field(1, field(1, name.encode()) + field(2, field(1, field(1, content))))
    return field(1, entries)


def tfrecords(records):
    out = b""
    for record in records:
        length = struct.pack("<Q", len(record))
        out += length + struct.pack("<I", masked(length))
        out += record + struct.pack("<I", masked(record))
    return out


def nin_variables(width=2, *, norm=True, seed=0, classes=10):
    """Variables of a small DEMOGEN network, with what an optimizer leaves beside them."""
    rng = np.random.default_rng(seed)
    variables = {"global_step": np.array(150000, np.int64)}
    channels = 3
    for number in range(10):
        suffix = f"_{number}" if number else ""
        size, out = (4, classes) if number == 9 else (1 if number % 3 else 3, width)
        kernel = rng.standard_normal((size, size, channels, out)).astype(np.float32) / 3
        layer = f"nin/conv2d{suffix}"
        variables[f"{layer}/kernel"] = kernel
        variables[f"{layer}/kernel/Momentum"] = kernel * 0
        variables[f"{layer}/bias"] = rng.standard_normal(out).astype(np.float32)
        if norm and number < 9:
            for name in ("gamma", "beta", "moving_mean", "moving_variance"):
                values = rng.uniform(0.5, 1.5, width).astype(np.float32)
                variables[f"nin/batch_normalization{suffix}/{name}"] = values
        channels = out
    return variables


def demogen_files(names, **changes):
    """A DEMOGEN archive with a network of 3 channels under each name: path → content."""
    files = {}
    for seed, name in enumerate(names):
        place = f"long/way/down/NIN_CIFAR10/{name}"
        index, data = checkpoint(nin_variables(3, norm="_bn_" in name, seed=seed, **changes))
        files[f"{place}/model.ckpt-150000.index"] = index
        files[f"{place}/model.ckpt-150000.data-00000-of-00001"] = data
        for file in ("train", "eval"):
            figures = {"Accuracy": 0.9 - 0.1 * (file == "eval"), "CrossEntropy": 0.3}
            files[f"{place}/{file}.json"] = json.dumps(figures).encode()
    return files


def smallcnn_files(rows=6, *, order=("bias", "kernel"), seed=0):
    """A Small CNN Zoo whose columns are in the given order."""
    rng = np.random.default_rng(seed)
    shapes = {"conv2d": (3, 3, 1, 4), "conv2d_1": (3, 3, 4, 4), "dense": (4, 10)}
    layout, at = ["varname,start_idx,end_idx,size,shape"], 0
    for layer, shape in shapes.items():
        for what in order:
            sides = shape if what == "kernel" else shape[-1:]
            size = int(np.prod(sides))
            text = f'"({", ".join(map(str, sides))}{"," if len(sides) == 1 else ""})"'
            layout.append(f"sequential/{layer}/{what}:0,{at},{at + size},{size},{text}")
            at += size
    table = [",config.activation,config.train_fraction,modeldir,step,test_accuracy,train_accuracy"]
    for row in range(rows):
        step = 86 if row % 2 == 0 else 43
        table.append(f"{row},{['relu', 'tanh'][row % 4 // 2]},1.0,/x/{row},{step},0.5,0.75")
    buffer = io.BytesIO()
    np.save(buffer, rng.standard_normal((rows, at)).astype(np.float32))
    return {
        "mnist/weights.npy": buffer.getvalue(),
        "mnist/layout.csv": "\n".join(layout).encode(),
        "mnist/metrics.csv.gz": gzip.compress("\n".join(table).encode()),
    }


def modelzoo_files(trials=3, epochs=(1, 2)):
    """An experiment of the Model Zoos."""
    files = {}
    for trial in range(trials):
        torch.manual_seed(trial)
        place = f"tune_zoo_mnist_uniform/NN_tune_trainable_{trial:05}"
        shapes = [(8, 1, 5, 5), (6, 8, 5, 5), (4, 6, 2, 2), (20, 36), (10, 20)]
        state = {}
        for number, shape in zip((0, 3, 6, 9, 11), shapes, strict=True):
            state[f"module_list.{number}.weight"] = torch.randn(shape) / 4
            state[f"module_list.{number}.bias"] = torch.randn(shape[0])
        for epoch in epochs:
            buffer = io.BytesIO()
            torch.save(state, buffer)
            files[f"{place}/checkpoint_{epoch:06}/checkpoints"] = buffer.getvalue()
        settings = {"model::type": "CNN", "model::nlin": "tanh", "model::dropout": 0, "seed": trial}
        files[f"{place}/params.json"] = json.dumps(settings).encode()
        lines = [json.dumps({"train_acc": e / 10, "test_acc": e / 20}) for e in (1, 2)]
        files[f"{place}/result.json"] = "\n".join(lines).encode()
    return files


def as_folder(files, place):
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def as_tar(files, place, *, compress=False):
    with tarfile.open(place, "w:gz" if compress else "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return place


def as_zip(files, place):
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return place
