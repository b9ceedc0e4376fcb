#!/usr/bin/python3
"""Writes the golden files of tests/check_golden.c with PyTorch (Debian's python3-torch; no torchvision).

    /usr/bin/python3 tools/peers/golden.py [--out tests/golden] [NET-VARIANT ...]

Each network starts from generator.py's weights and takes plain SGD steps on its batches, once in f64 and several
times in f32: with and without oneDNN, contiguous and channels_last, on one and two threads. The f64 run is the
truth; the largest distance of an f32 run from it is the spread, what f32 itself costs this network.

NET-VARIANT.txt, fields separated by blanks:
    winnow-golden 1                                  format and version
    net NAME | variant NAME | input C H W | classes N | width_divisor N | batch N | lr X | steps N
    tensor NUMBER NAME COUNT SPREAD                  learned parameters in order; SPREAD is ||g32 - g64|| of step 1
    loss STEP VALUE SPREAD                           mean loss of a step; |l32 - l64|
    norm STEP TENSOR VALUE SPREAD                    ||g64|| and | ||g32|| - ||g64|| | of every gradient
    evaluation VALUE SPREAD                          mean loss in evaluation mode after the steps, on batch number
                                                     `steps` (from 0); |l32 - l64|
    Runs drift apart, so the spreads of losses and norms are the largest up to their step: a step where rounding
    happened to cancel is not taken for a precise one.
NET-VARIANT.bin: the gradients of step 1, all tensors in order, f64 rounded to little-endian f32."""

import argparse
import pathlib
import sys
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import generator
import networks


@dataclass
class Case:
    net: str
    variant: str
    width_divisor: int
    size: int
    batch: int
    lr: float  # exact in f32
    steps: int = 10

    @property
    def name(self) -> str:
        return f"{self.net}-{self.variant}"

    @property
    def channels(self) -> int:
        return 1 if self.variant == "d2l" else 3

    def model(self, dtype: torch.dtype) -> nn.Module:
        model = networks.BY_NAME[self.net, self.variant](self.width_divisor, self.size)
        with torch.no_grad():
            for number, (name, tensor) in enumerate(model.named_parameters()):
                tensor.copy_(torch.from_numpy(generator.parameter(number, name, tuple(tensor.shape))))
        return model.to(dtype)


# Where batch norm divides by tiny variances, rounding grows from step to step: there learning rates are small and
# steps few enough for PyTorch's own runs to stay together.
CASES = [
    Case("lenet", "d2l", width_divisor=1, size=28, batch=16, lr=0.5),
    Case("lenet-bn", "d2l", width_divisor=1, size=28, batch=16, lr=0.25),
    Case("mnist-cnn", "d2l", width_divisor=1, size=28, batch=16, lr=0.0625),
    Case("mnist-bn", "d2l", width_divisor=1, size=28, batch=32, lr=2**-7),
    Case("mnist-res", "d2l", width_divisor=1, size=28, batch=64, lr=2**-11, steps=3),
    Case("alexnet", "d2l", width_divisor=32, size=127, batch=8, lr=0.0625),
    Case("alexnet-slim", "d2l", width_divisor=32, size=127, batch=8, lr=0.0625),
    Case("vgg11", "d2l", width_divisor=32, size=64, batch=8, lr=0.0625),
    Case("nin", "d2l", width_divisor=16, size=127, batch=8, lr=0.0625),
    Case("googlenet", "d2l", width_divisor=16, size=64, batch=8, lr=0.0625),
    Case("resnet18", "d2l", width_divisor=8, size=48, batch=8, lr=0.03125),
    Case("densenet", "d2l", width_divisor=4, size=64, batch=8, lr=2**-7),
    Case("alexnet", "imagenet", width_divisor=32, size=127, batch=8, lr=0.0625),
    Case("alexnet-2012", "imagenet", width_divisor=24, size=127, batch=8, lr=0.0625),
    Case("vgg13", "imagenet", width_divisor=64, size=64, batch=8, lr=0.0625),
    Case("nin", "imagenet", width_divisor=16, size=127, batch=8, lr=0.0625, steps=3),
    Case("googlenet", "imagenet", width_divisor=8, size=96, batch=8, lr=2**-10, steps=2),
    Case("resnet50", "imagenet", width_divisor=32, size=96, batch=16, lr=2**-14, steps=2),
    Case("densenet121", "imagenet", width_divisor=16, size=96, batch=8, lr=2**-10, steps=2),
    Case("resnet20", "cifar", width_divisor=2, size=16, batch=8, lr=0.03125),
]


@dataclass
class Run:
    losses: list
    norms: list  # [step][tensor]
    gradients: list  # of step 1, f64 arrays
    evaluation: float


def train(case: Case, dtype: torch.dtype, channels_last: bool = False) -> Run:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = case.model(dtype).to(memory_format=layout)
    criterion = nn.CrossEntropyLoss()
    run = Run([], [], [], 0.0)

    def loss_of(step: int) -> torch.Tensor:
        images, labels = generator.batch(step, (case.batch, case.channels, case.size, case.size), 10)
        inputs = torch.from_numpy(images).to(dtype).contiguous(memory_format=layout)
        return criterion(model(inputs), torch.from_numpy(labels))

    for step in range(case.steps):
        model.zero_grad()
        loss = loss_of(step)
        loss.backward()
        gradients = [p.grad.detach().double().contiguous().numpy() for p in model.parameters()]
        if step == 0:
            run.gradients = [g.copy() for g in gradients]
        run.losses.append(loss.item())
        run.norms.append([float(np.linalg.norm(g)) for g in gradients])
        with torch.no_grad():
            for p in model.parameters():
                p -= case.lr * p.grad
    model.eval()
    with torch.no_grad():
        run.evaluation = loss_of(case.steps).item()
    return run


def f32_runs(case: Case) -> list:
    runs = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for onednn in (False, True):
            for channels_last in (False, True):
                with torch.backends.mkldnn.flags(enabled=onednn):
                    runs.append(train(case, torch.float32, channels_last))
    torch.set_num_threads(1)
    return runs


def gradient_spread(exact: np.ndarray, others: list) -> float:
    return max(float(np.linalg.norm(other - exact)) for other in others)


def drift(exact: list, others: list) -> list:
    """The largest distance of any other run so far, for every step."""
    distances = [max(abs(other[step] - value) for other in others) for step, value in enumerate(exact)]
    return list(np.maximum.accumulate(distances))


def write(case: Case, folder: pathlib.Path) -> None:
    exact, runs = train(case, torch.float64), f32_runs(case)
    lines = [
        "winnow-golden 1",
        f"net {case.net}",
        f"variant {case.variant}",
        f"input {case.channels} {case.size} {case.size}",
        "classes 10",
        f"width_divisor {case.width_divisor}",
        f"batch {case.batch}",
        f"lr {case.lr!r}",
        f"steps {case.steps}",
    ]
    tensors = list(case.model(torch.float64).named_parameters())
    for number, (name, tensor) in enumerate(tensors):
        spread = gradient_spread(exact.gradients[number], [r.gradients[number] for r in runs])
        lines.append(f"tensor {number} {name} {tensor.numel()} {spread:.3g}")
    for step, (loss, spread) in enumerate(zip(exact.losses, drift(exact.losses, [r.losses for r in runs]))):
        lines.append(f"loss {step + 1} {loss:.17g} {spread:.3g}")
    for number in range(len(tensors)):
        norms = [step[number] for step in exact.norms]
        spreads = drift(norms, [[step[number] for step in r.norms] for r in runs])
        for step, (norm, spread) in enumerate(zip(norms, spreads)):
            lines.append(f"norm {step + 1} {number} {norm:.10g} {spread:.3g}")
    spread = drift(exact.losses + [exact.evaluation], [r.losses + [r.evaluation] for r in runs])[-1]
    lines.append(f"evaluation {exact.evaluation:.17g} {spread:.3g}")
    (folder / f"{case.name}.txt").write_text("\n".join(lines) + "\n")
    np.concatenate([g.ravel() for g in exact.gradients]).astype("<f4").tofile(folder / f"{case.name}.bin")
    print(f"{case.name}: losses {' '.join(f'{l:.4f}' for l in exact.losses)} | {exact.evaluation:.4f}")


def main() -> int:
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description="Write the golden files of tests/check_golden.c.")
    parser.add_argument("--out", type=pathlib.Path, default=root / "tests" / "golden")
    parser.add_argument("nets", nargs="*", metavar="NET-VARIANT", help="all by default")
    arguments = parser.parse_args()
    known = {case.name for case in CASES}
    for net in arguments.nets:
        if net not in known:
            print(f"golden.py: unknown network '{net}'; known: {', '.join(sorted(known))}", file=sys.stderr)
            return 2
    arguments.out.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        if not arguments.nets or case.name in arguments.nets:
            write(case, arguments.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
