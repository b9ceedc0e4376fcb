#!/usr/bin/python3
"""Writes the golden files of tests/check_golden.c with PyTorch (Debian's python3-torch; no torchvision).

    /usr/bin/python3 tools/peers/golden.py [--out tests/golden] [CASE ...]

Each network starts from generator.py's weights and takes steps on its batches in f64; after every step its weights
are rounded to f32. These are the golden weights: any program can start a step from them, exactly. What f32 itself
costs is the spread: the largest distance from f64 of several f32 runs (with and without oneDNN, contiguous and
channels_last, on one and two threads), for every step from its golden weights. Beside that f32 runs go their own
way for all steps; how far their losses drift from the golden ones is recorded too.

CASE.txt, fields separated by blanks:
    winnow-golden 2                                  format and version
    net NAME | variant NAME | input C H W | classes N | width_divisor N | batch N | steps N
    optimizer NAME | lr X | momentum X | weight_decay X      as torch.optim; betas and eps are its defaults
    tensor NUMBER NAME COUNT                         learned parameters in order
    loss STEP VALUE SPREAD DRIFT                     mean loss of a step; |l32 - l64| from golden weights, and
                                                     free-running (the largest up to that step)
    gradient STEP TENSOR NORM DOT SPREAD             ||g64||, g64 times random_signs(TENSOR), ||g32 - g64||
    statistic NAME NORM DOT                          running means and variances after the steps
    evaluation VALUE                                 mean loss in evaluation mode after the steps, with weights and
                                                     statistics rounded to f32, on batch number `steps` (from 0)
CASE.bin: the gradients of step 1, all tensors in order, then the logits of the evaluation; f64 rounded to
little-endian f32."""

import argparse
import pathlib
import sys
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

import generator
import networks


# Tensor numbers of random signs, far from those of the generator.
SIGNS = 3_000_000


@dataclass
class Case:
    net: str
    variant: str
    width_divisor: int
    size: int
    batch: int
    lr: float  # exact in f32
    steps: int = 10
    optimizer: str = "sgd"
    momentum: float = 0
    weight_decay: float = 0
    suffix: str = ""

    @property
    def name(self) -> str:
        return f"{self.net}-{self.variant}{self.suffix}"

    def updates(self, model: nn.Module) -> torch.optim.Optimizer:
        if self.optimizer == "adam":
            return torch.optim.Adam(model.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        return torch.optim.SGD(
            model.parameters(), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay
        )

    def loss(self, model: nn.Module, step: int, layout: torch.memory_format) -> tuple:
        """Mean loss and logits of batch number `step`, from 0."""
        images, labels = generator.batch(step, (self.batch, self.channels, self.size, self.size), 10)
        dtype = next(model.parameters()).dtype
        logits = model(torch.from_numpy(images).to(dtype).contiguous(memory_format=layout))
        return nn.functional.cross_entropy(logits, torch.from_numpy(labels)), logits

    @property
    def channels(self) -> int:
        return 1 if self.variant == "d2l" else 3

    def model(self, dtype: torch.dtype) -> nn.Module:
        model = networks.BY_NAME[self.net, self.variant](self.width_divisor, self.size)
        with torch.no_grad():
            for number, (name, tensor) in enumerate(model.named_parameters()):
                tensor.copy_(torch.from_numpy(generator.parameter(number, name, tuple(tensor.shape))))
        return model.to(dtype)


# Where batch norm divides by tiny variances, rounding grows: there learning rates are small. googlenet for ImageNet has
# few steps, since in its fourth the f64 runs of PyTorch and of the tests' interpreter are more than 1e-8 apart.
CASES = [
    Case("lenet", "d2l", width_divisor=1, size=28, batch=16, lr=0.5),
    Case("lenet-bn", "d2l", width_divisor=1, size=28, batch=16, lr=0.25),
    Case("mnist-cnn", "d2l", width_divisor=1, size=28, batch=16, lr=0.0625),
    Case("mnist-bn", "d2l", width_divisor=1, size=28, batch=32, lr=2**-7),
    Case("mnist-res", "d2l", width_divisor=1, size=28, batch=64, lr=2**-11),
    Case("alexnet", "d2l", width_divisor=32, size=127, batch=8, lr=0.0625),
    Case("alexnet-slim", "d2l", width_divisor=32, size=127, batch=8, lr=0.03125),
    Case("vgg11", "d2l", width_divisor=32, size=64, batch=8, lr=0.0625),
    Case("nin", "d2l", width_divisor=16, size=127, batch=8, lr=0.0625),
    Case("googlenet", "d2l", width_divisor=16, size=64, batch=8, lr=0.0625),
    Case("resnet18", "d2l", width_divisor=8, size=48, batch=8, lr=0.03125),
    Case("densenet", "d2l", width_divisor=4, size=64, batch=8, lr=2**-7),
    Case("alexnet", "imagenet", width_divisor=32, size=127, batch=8, lr=0.0625),
    Case("alexnet-2012", "imagenet", width_divisor=24, size=127, batch=8, lr=0.0625),
    Case("vgg13", "imagenet", width_divisor=64, size=64, batch=8, lr=0.0625),
    Case("nin", "imagenet", width_divisor=16, size=127, batch=8, lr=0.0625),
    Case("googlenet", "imagenet", width_divisor=8, size=96, batch=8, lr=2**-10, steps=3),
    Case("resnet50", "imagenet", width_divisor=32, size=96, batch=16, lr=2**-14),
    Case("densenet121", "imagenet", width_divisor=16, size=96, batch=8, lr=2**-12),
    Case("resnet20", "cifar", width_divisor=2, size=16, batch=8, lr=0.03125),
    Case("mnist-bn", "d2l", width_divisor=1, size=28, batch=32, lr=2**-7, momentum=0.875, weight_decay=2**-6,
         suffix="-momentum"),
    Case("mnist-cnn", "d2l", width_divisor=1, size=28, batch=16, lr=2**-10, optimizer="adam",
         weight_decay=2**-6, suffix="-adam"),
]


CONTIGUOUS = torch.contiguous_format


def random_signs(number: int, count: int) -> np.ndarray:
    """Plus and minus one, for tensor `number`."""
    return 1 - 2.0 * (generator.hashed(SIGNS + number, count) & 1)


def gradients_of(model: nn.Module) -> list:
    return [p.grad.detach().double().contiguous().numpy().ravel().copy() for p in model.parameters()]


def round_to_f32(tensors) -> None:
    with torch.no_grad():
        for tensor in tensors:
            tensor.copy_(tensor.float())


@dataclass
class Golden:
    """The f64 run: the state before each step, and what each step gave."""

    states: list
    losses: list
    gradients: list  # [step][tensor]
    model: nn.Module  # after the steps


def golden_run(case: Case) -> Golden:
    model = case.model(torch.float64)
    updates = case.updates(model)
    golden = Golden([], [], [], model)
    for step in range(case.steps):
        golden.states.append({name: value.clone() for name, value in model.state_dict().items()})
        model.zero_grad()
        loss, _ = case.loss(model, step, CONTIGUOUS)
        loss.backward()
        golden.losses.append(loss.item())
        golden.gradients.append(gradients_of(model))
        updates.step()
        round_to_f32(model.parameters())
    return golden


@dataclass
class Spread:
    """The largest distances of f32 runs."""

    loss: np.ndarray  # [step]
    drift: np.ndarray  # [step]
    gradient: np.ndarray  # [step, tensor]


def measure(case: Case, golden: Golden, layout: torch.memory_format, spread: Spread) -> None:
    """Takes one setting's f32 runs into the spread: from golden weights, then free-running."""
    model = case.model(torch.float32).to(memory_format=layout)
    for step in range(case.steps):
        model.load_state_dict(golden.states[step])
        model.zero_grad()
        loss, _ = case.loss(model, step, layout)
        loss.backward()
        spread.loss[step] = max(spread.loss[step], abs(loss.item() - golden.losses[step]))
        for number, gradient in enumerate(gradients_of(model)):
            distance = np.linalg.norm(gradient - golden.gradients[step][number])
            spread.gradient[step, number] = max(spread.gradient[step, number], distance)
    model = case.model(torch.float32).to(memory_format=layout)
    updates = case.updates(model)
    for step in range(case.steps):
        model.zero_grad()
        loss, _ = case.loss(model, step, layout)
        loss.backward()
        spread.drift[step] = max(spread.drift[step], abs(loss.item() - golden.losses[step]))
        updates.step()


def measure_f32(case: Case, golden: Golden) -> Spread:
    spread = Spread(
        np.zeros(case.steps), np.zeros(case.steps), np.zeros((case.steps, len(golden.gradients[0])))
    )
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for onednn in (False, True):
            for layout in (CONTIGUOUS, torch.channels_last):
                with torch.backends.mkldnn.flags(enabled=onednn):
                    measure(case, golden, layout, spread)
    torch.set_num_threads(1)
    # A step where rounding happened to cancel is not taken for a precise one.
    spread.drift = np.maximum.accumulate(spread.drift)
    return spread


def write(case: Case, folder: pathlib.Path) -> None:
    golden = golden_run(case)
    spread = measure_f32(case, golden)
    lines = [
        "winnow-golden 2",
        f"net {case.net}",
        f"variant {case.variant}",
        f"input {case.channels} {case.size} {case.size}",
        "classes 10",
        f"width_divisor {case.width_divisor}",
        f"batch {case.batch}",
        f"steps {case.steps}",
        f"optimizer {case.optimizer}",
        f"lr {case.lr!r}",
        f"momentum {case.momentum!r}",
        f"weight_decay {case.weight_decay!r}",
    ]
    for number, (name, tensor) in enumerate(golden.model.named_parameters()):
        lines.append(f"tensor {number} {name} {tensor.numel()}")
    for step, loss in enumerate(golden.losses):
        lines.append(f"loss {step + 1} {loss:.17g} {spread.loss[step]:.3g} {spread.drift[step]:.3g}")
    for step, gradients in enumerate(golden.gradients):
        for number, gradient in enumerate(gradients):
            norm, dot = np.linalg.norm(gradient), gradient @ random_signs(number, gradient.size)
            lines.append(f"gradient {step + 1} {number} {norm:.12g} {dot:.12g} {spread.gradient[step, number]:.3g}")
    statistics = [(n, v) for n, v in golden.model.named_buffers() if v.is_floating_point()]
    for number, (name, value) in enumerate(statistics):
        values = value.numpy()
        dot = values @ random_signs(number, values.size)
        lines.append(f"statistic {name} {np.linalg.norm(values):.12g} {dot:.12g}")
    round_to_f32(value for _, value in statistics)
    golden.model.eval()
    with torch.no_grad():
        loss, logits = case.loss(golden.model, case.steps, CONTIGUOUS)
    lines.append(f"evaluation {loss.item():.17g}")
    (folder / f"{case.name}.txt").write_text("\n".join(lines) + "\n")
    arrays = golden.gradients[0] + [logits.numpy().ravel()]
    np.concatenate(arrays).astype("<f4").tofile(folder / f"{case.name}.bin")
    print(f"{case.name}: losses {' '.join(f'{l:.4f}' for l in golden.losses)} | {loss.item():.4f}")


def main() -> int:
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description="Write the golden files of tests/check_golden.c.")
    parser.add_argument("--out", type=pathlib.Path, default=root / "tests" / "golden")
    parser.add_argument("nets", nargs="*", metavar="CASE", help="all by default")
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
