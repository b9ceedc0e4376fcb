#!/usr/bin/python3
"""Trains a teaching network in PyTorch by the recipe that `winnow train NET` follows, for curves beside ours.

    /usr/bin/python3 tools/peers/torch_train.py NET --data DIR --size S --batch-size B --lr L [--epochs 2] [--seed 1]
                                                [--threads 2] [--width-divisor N] [--layout channels_last] --csv FILE

DIR has the IDX files of MNIST or Fashion-MNIST, .gz or not. The recipe: plain SGD at a constant rate, Xavier-uniform
weights, PyTorch's biases, pixels in [0, 1], bilinear resize, dropout of one half, a new order of the images every epoch,
the last short batch kept. The file has a row per epoch in the columns of `winnow train --csv`; train_accuracy and loss
are of the batches as they were trained on, seconds_total includes the evaluations."""

import argparse
import csv
import gzip
import math
import pathlib
import sys
import time

import torch
from torch import nn

import networks

COLUMNS = ["kind", "epoch", "step", "examples", "loss", "train_accuracy", "test_accuracy", "lr", "seconds_step",
           "seconds_total", "data_wait", "data_waits", "seed"]
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def read_idx(folder: pathlib.Path, name: str) -> torch.Tensor:
    """The bytes of an IDX file in its shape."""
    for path, opener in ((folder / name, open), (folder / f"{name}.gz", gzip.open)):
        if path.exists():
            with opener(path, "rb") as file:
                content = file.read()
            break
    else:
        sys.exit(f"torch_train.py: {folder}: neither {name} nor {name}.gz")
    dimensions = content[3]
    shape = [int.from_bytes(content[4 + 4 * i:8 + 4 * i], "big") for i in range(dimensions)]
    if content[:3] != b"\0\0\x08" or len(content) != 4 + 4 * dimensions + math.prod(shape):
        sys.exit(f"torch_train.py: {folder / name}: not an IDX file of bytes")
    return torch.frombuffer(bytearray(content[4 + 4 * dimensions:]), dtype=torch.uint8).reshape(shape)


class Data:
    """Images and labels of one split, and its batches as the network sees them."""

    def __init__(self, folder: pathlib.Path, split: str, options):
        self.images = read_idx(folder, f"{split}-images-idx3-ubyte")
        self.labels = read_idx(folder, f"{split}-labels-idx1-ubyte").long()
        self.options = options

    def batches(self, order: torch.Tensor):
        for chosen in order.split(self.options.batch_size):
            pixels = self.images[chosen].unsqueeze(1).float() / 255
            size = self.options.size
            if pixels.shape[-1] != size:
                pixels = nn.functional.interpolate(pixels, (size, size), mode="bilinear", align_corners=False)
            yield pixels.to(memory_format=LAYOUTS[self.options.layout]), self.labels[chosen]


def build(options) -> nn.Module:
    net = getattr(networks, options.net.replace("-", "_"))(options.width_divisor, options.size)
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(module.weight)
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    return net.to(memory_format=LAYOUTS[options.layout])


def evaluate(net: nn.Module, data: Data) -> float:
    net.eval()
    with torch.inference_mode():
        right = sum((net(pixels).argmax(1) == labels).sum().item()
                    for pixels, labels in data.batches(torch.arange(len(data.labels))))
    net.train()
    return right / len(data.labels)


def train_epoch(net: nn.Module, data: Data, optimizer: torch.optim.Optimizer) -> tuple:
    """Mean loss, share of right answers, and mean seconds of a step."""
    loss_of, total, right, seconds, steps = nn.CrossEntropyLoss(), 0.0, 0, 0.0, 0
    for pixels, labels in data.batches(torch.randperm(len(data.labels))):
        started = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        outputs = net(pixels)
        loss = loss_of(outputs, labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
        right += (outputs.argmax(1) == labels).sum().item()
        seconds += time.perf_counter() - started
        steps += 1
    return total / len(data.labels), right / len(data.labels), seconds / steps


def train(options):
    training, test = (Data(options.data, split, options) for split in ("train", "t10k"))
    net = build(options)
    optimizer = torch.optim.SGD(net.parameters(), lr=options.lr)
    steps = math.ceil(len(training.labels) / options.batch_size)
    started = time.perf_counter()
    for epoch in range(1, options.epochs + 1):
        loss, accuracy, seconds = train_epoch(net, training, optimizer)
        row = ["epoch", epoch, epoch * steps, epoch * len(training.labels), f"{loss:.9g}", f"{accuracy:.6f}",
               f"{evaluate(net, test):.6f}", options.lr, f"{seconds:.9f}", f"{time.perf_counter() - started:.6f}", 0, 0,
               options.seed]
        print(dict(zip(COLUMNS, row)), flush=True)
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("net")
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--width-divisor", type=int, default=1)
    parser.add_argument("--layout", choices=list(LAYOUTS), default="channels_last")
    parser.add_argument("--csv", required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    rows = list(train(options))
    with open(options.csv, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
