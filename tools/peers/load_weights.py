#!/usr/bin/python3
"""Loads a checkpoint of winnow into PyTorch and says what it is worth there; writes PyTorch's weights for winnow.

    /usr/bin/python3 tools/peers/load_weights.py CHECKPOINT DATA [--write OUT]

CHECKPOINT is a safetensors file of `winnow train --checkpoints`, DATA a folder with MNIST's files. Prints loss and
accuracy on the test images, to compare with `winnow eval CHECKPOINT --data DATA`. --write saves the state_dict as
PyTorch has it, counters of batches included; `winnow eval OUT --net NET --data DATA` reads that. The format is read and
written here by its published rules, without a library."""

import argparse
import gzip
import json
import pathlib
import struct
import sys

import numpy as np
import torch

import networks

TYPES = {torch.float32: ("F32", np.float32), torch.int64: ("I64", np.int64)}


def read(path: str) -> tuple:
    """Tensors by name and metadata; every rule of the format is asserted."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    assert length <= 100_000_000 and 8 + length <= len(data) and data[8:9] == b"{"

    def once(pairs: list) -> dict:
        assert len({key for key, _ in pairs}) == len(pairs), "a name stands twice"
        return dict(pairs)

    header = json.loads(data[8:8 + length], object_pairs_hook=once)
    metadata = header.pop("__metadata__", {})
    assert all(isinstance(value, str) for value in metadata.values())
    buffer, tensors, at = data[8 + length:], {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        assert entry["dtype"] == "F32" and begin == at and end - begin == 4 * int(np.prod(entry["shape"])), name
        tensors[name] = torch.from_numpy(np.frombuffer(buffer[begin:end], np.float32).reshape(entry["shape"]).copy())
        at = end
    assert at == len(buffer), "bytes behind the last tensor"
    return tensors, metadata


def write(path: str, state: dict) -> None:
    header, parts, at = {}, [], 0
    for name, tensor in state.items():
        dtype, numpy_type = TYPES[tensor.dtype]
        parts.append(tensor.numpy().astype(numpy_type).tobytes())
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [at, at + len(parts[-1])]}
        at += len(parts[-1])
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))


def idx(folder: str, name: str, header: int) -> np.ndarray:
    path = pathlib.Path(folder) / name
    data = path.read_bytes() if path.exists() else gzip.decompress(pathlib.Path(f"{path}.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=header).copy()


def evaluate(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple:
    loss, correct = 0.0, 0
    with torch.no_grad():
        for first in range(0, len(labels), 1000):
            logits, truth = model(images[first:first + 1000]), labels[first:first + 1000]
            loss += torch.nn.functional.cross_entropy(logits, truth, reduction="sum").item()
            correct += (logits.argmax(1) == truth).sum().item()
    return loss / len(labels), correct / len(labels)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("data")
    parser.add_argument("--write")
    arguments = parser.parse_args()
    tensors, metadata = read(arguments.checkpoint)
    size, channels = int(metadata["size"]), int(metadata["channels"])
    model = networks.BY_NAME[metadata["network"], metadata["variant"]](int(metadata["width divisor"]), size)
    average = {name[len("average."):]: tensor for name, tensor in tensors.items() if name.startswith("average.")}
    weights = average or {name: tensor for name, tensor in tensors.items() if not name.startswith("optimizer.")}
    model.load_state_dict(weights, strict=True)
    model.eval()
    pixels = torch.from_numpy(idx(arguments.data, "t10k-images-idx3-ubyte", 16)).float().reshape(-1, 1, 28, 28) / 255
    if size != 28:
        pixels = torch.nn.functional.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
    mean, std = (torch.tensor([float(x) for x in metadata[key].split(",")]).reshape(1, -1, 1, 1)
                 for key in ("mean", "std"))
    images = (pixels.expand(-1, channels, -1, -1) - mean) / std
    labels = torch.from_numpy(idx(arguments.data, "t10k-labels-idx1-ubyte", 8)).long()
    loss, accuracy = evaluate(model, images, labels)
    print(f"{metadata['network']}: {len(labels)} test images, loss {loss:.4f}, accuracy {accuracy:.4f}")
    if arguments.write:
        write(arguments.write, model.state_dict())
    return 0


if __name__ == "__main__":
    sys.exit(main())
