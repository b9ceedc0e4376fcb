#!/usr/bin/python3
"""Times a training step, or an inference, of PyTorch and of winnow in turns and prints the paired ratio.

    /usr/bin/python3 tools/peers/torch_step.py --winnow build/release/cli/winnow [--threads 2] [--rounds 5]
                                               [--mode training|inference] [--csv FILE] [NET:SIZE:BATCH ...]

Needs Debian's python3-torch and libopenblas0-pthread. A step is forward, loss, backward and a plain SGD update on one resident batch, data
loading apart; an inference is forward with both sides in evaluation mode, PyTorch's under inference_mode, ours with the
loss of the batch beside it. PyTorch runs its better layout of contiguous and channels_last, found first. Each round times a few
steps of PyTorch, then lets `winnow bench NET --mode MODE` time a few of its own with the tuning database's picks
(run `winnow tune NET --size S --batch-size B` before); the ratio is the median of the rounds' ratios of medians."""

import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
from torch import nn

import networks

DEFAULT = ["alexnet:224:16", "vgg11:224:16", "nin:224:16", "googlenet:96:64", "resnet18:96:64", "densenet:96:64"]
STEPS = 3
COLUMNS = ["net", "mode", "size", "batch", "threads", "torch_layout", "torch_seconds", "winnow_seconds", "ratio",
           "ratio_low", "ratio_high", "rounds"]


class TorchStep:
    """One network with its batch, ready to step."""

    def __init__(self, mode: str, net: str, size: int, batch: int, layout: torch.memory_format):
        self.mode = mode
        self.net = getattr(networks, net.replace("-", "_"))(1, size).to(memory_format=layout)
        self.images = torch.rand(batch, 1, size, size).to(memory_format=layout)
        self.labels = torch.arange(batch) % 10
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1e-3)
        self.loss = nn.CrossEntropyLoss()
        self.net.train(mode == "training")

    def run(self) -> float:
        started = time.perf_counter()
        if self.mode == "inference":
            with torch.inference_mode():
                self.net(self.images)
            return time.perf_counter() - started
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.net(self.images), self.labels).backward()
        self.optimizer.step()
        return time.perf_counter() - started


def check_blas():
    """Without OpenBLAS, Debian's PyTorch runs its linear layers on the reference BLAS, which is no peer."""
    torch.mm(torch.ones(8, 8), torch.ones(8, 8))
    libraries = pathlib.Path("/proc/self/maps").read_text(encoding="utf-8")
    if not any(name in libraries for name in ("openblas", "mkl", "blis")):
        sys.exit("torch_step.py: PyTorch found no fast BLAS; install libopenblas0-pthread")


def better_layout(mode: str, net: str, size: int, batch: int):
    candidates = []
    for name, layout in (("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)):
        step = TorchStep(mode, net, size, batch, layout)
        step.run()
        candidates.append((min(step.run() for _ in range(STEPS)), name, step))
    return min(candidates, key=lambda c: c[0])[1:]


def winnow_step(program: str, mode: str, net: str, size: int, batch: int, threads: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "steps.csv"
        subprocess.run([program, "bench", net, "--size", str(size), "--batch-size", str(batch), "--threads",
                        str(threads), "--mode", mode, "--repetitions", str(STEPS), "--csv", str(path)],
                       check=True, stdout=subprocess.DEVNULL)
        with open(path, encoding="utf-8", newline="") as file:
            total = next(row for row in csv.DictReader(file) if row["label"] == "total")
    return float(total["median_seconds"])


def compare(options, net: str, size: int, batch: int) -> dict:
    layout, step = better_layout(options.mode, net, size, batch)
    pairs = []
    for _ in range(options.rounds):
        theirs = statistics.median(step.run() for _ in range(STEPS))
        pairs.append((theirs, winnow_step(options.winnow, options.mode, net, size, batch, options.threads)))
    ratios = sorted(a / b for a, b in pairs)
    return dict(zip(COLUMNS, [net, options.mode, size, batch, options.threads, layout, statistics.median(a for a, _ in pairs),
                              statistics.median(b for _, b in pairs), statistics.median(ratios), ratios[0],
                              ratios[-1], options.rounds]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--winnow", required=True, help="the program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--mode", choices=("training", "inference"), default="training")
    parser.add_argument("--csv")
    parser.add_argument("networks", nargs="*", default=DEFAULT, metavar="NET:SIZE:BATCH")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    # Waiting threads of one side must not take the processors from the other.
    if os.environ.get("OMP_WAIT_POLICY") != "PASSIVE":
        sys.exit("torch_step.py: set OMP_WAIT_POLICY=PASSIVE, or PyTorch's idle threads spin while winnow is timed")
    check_blas()
    rows = []
    for text in options.networks:
        net, size, batch = text.split(":")
        rows.append(compare(options, net, int(size), int(batch)))
        print("{net} {size} {mode} batch {batch}: PyTorch {torch_seconds:.4f} s ({torch_layout}), winnow {winnow_seconds:.4f} s, "
              "{ratio:.2f}x ({ratio_low:.2f} to {ratio_high:.2f})".format(**rows[-1]), flush=True)
    print(f"geometric mean {statistics.geometric_mean(row['ratio'] for row in rows):.2f}x")
    if options.csv:
        with open(options.csv, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
