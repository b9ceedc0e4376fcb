#!/usr/bin/python3
"""Peak resident memory of a training run of PyTorch and of winnow, each in a process of its own.

    /usr/bin/python3 tools/peers/torch_memory.py --winnow build/release/cli/winnow [--threads 2] [--picks FILE]
                                                 [--csv FILE] [NET:SIZE:BATCH ...]

Needs what torch_step.py needs. A process runs a few training steps as torch_step.py does and ends; what the kernel says
of it is the most it ever had (ru_maxrss). PyTorch runs in both layouts, and the smaller peak counts; what a process
takes that imports it and multiplies two small matrices is said beside it. Ours is `winnow bench NET --mode training`, with
the picks of the database or of a file. This program imports nothing large: a child's figure begins with its parent's."""

import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import sys

DEFAULT = ["alexnet:224:16", "vgg11:224:16", "nin:224:16", "googlenet:96:64", "resnet18:96:64", "densenet:96:64"]
LAYOUTS = ["contiguous", "channels_last"]
STEPS = 3
COLUMNS = ["net", "size", "batch", "threads", "torch_layout", "torch_idle_mib", "torch_peak_mib", "winnow_peak_mib", "ratio"]


def run_torch_steps(text: str, layout: str, threads: int):
    """In a child: the steps whose memory is asked for; none without a network."""
    import torch

    torch.set_num_threads(threads)
    torch.mm(torch.ones(8, 8), torch.ones(8, 8))
    if text:
        from torch_step import TorchStep

        net, size, batch = text.split(":")
        format_of = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
        step = TorchStep("training", net, int(size), int(batch), format_of[layout])
        for _ in range(STEPS):
            step.run()


def peak_mib(command: list) -> float:
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"torch_memory.py: {' '.join(map(str, command))} ended with {child.returncode}")
    return usage.ru_maxrss / 1024


def torch_peak(options, text: str, layout: str) -> float:
    return peak_mib([sys.executable, pathlib.Path(__file__), "--child", layout, "--threads", str(options.threads), text])


def compare(options, text: str) -> dict:
    net, size, batch = text.split(":")
    picks = ["--picks", options.picks] if options.picks else []
    theirs, layout = min((torch_peak(options, text, layout), layout) for layout in LAYOUTS)
    ours = peak_mib([options.winnow, "bench", net, "--size", size, "--batch-size", batch, "--threads", str(options.threads),
                     "--mode", "training", "--repetitions", str(STEPS), *picks])
    return dict(zip(COLUMNS, [net, size, batch, options.threads, layout, round(torch_peak(options, "", LAYOUTS[0]), 1),
                              round(theirs, 1), round(ours, 1), round(theirs / ours, 3)]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--winnow", help="the program")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--picks", help="as winnow bench takes it")
    parser.add_argument("--csv")
    parser.add_argument("--child", choices=LAYOUTS, help=argparse.SUPPRESS)
    parser.add_argument("networks", nargs="*", default=DEFAULT, metavar="NET:SIZE:BATCH")
    options = parser.parse_args()
    if options.child:
        run_torch_steps(options.networks[0], options.child, options.threads)
        return
    if not options.winnow:
        parser.error("--winnow is needed")
    rows = []
    for text in options.networks:
        rows.append(compare(options, text))
        print("{net} {size}, batch {batch}: PyTorch {torch_peak_mib} MiB ({torch_layout}; {torch_idle_mib} without a "
              "network), winnow {winnow_peak_mib} MiB, {ratio:.2f}x".format(**rows[-1]), flush=True)
    print(f"geometric mean {statistics.geometric_mean(row['ratio'] for row in rows):.2f}x")
    if options.csv:
        with open(options.csv, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
