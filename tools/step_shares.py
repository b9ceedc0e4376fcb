#!/usr/bin/python3
"""Where the time of networks' steps goes and how far it is from what arithmetic and memory allow, from `winnow bench`.

    winnow bench alexnet --mode training --repetitions 9 --csv alexnet.csv
    tools/step_shares.py --bandwidth 28 --winnow build/release/cli/winnow alexnet.csv ... [--csv FILE]

Prints a table in Markdown with a row for each kind of work in each network, and one for the whole step; --csv writes the
same figures. Arithmetic: the operations at the FMA peak that was measured beside the step; of Winograd the multiplications
in its own domain, without its transforms. Those depend on the size of the layer's kernel, which `winnow shapes` says; rows
are of networks' first variants therefore. Memory: the operands, once each, at the bandwidth given (GB/s of all threads
together from memory; `winnow machine` measures it). The limit of a step of the tape is the larger of the two, that of a
kind the sum over its steps. Operands that a cache still holds are read faster than that: a kind can be below its memory
time."""

import argparse
import csv
import re
import subprocess
import sys

KINDS = ["forward", "data", "weights", "batch norm", "pooling", "activation", "update", "rest"]
COLUMNS = ["net", "mode", "size", "batch", "kind", "seconds", "percent_of_step", "gflops", "gbytes", "arithmetic_seconds",
           "memory_seconds", "limit_seconds", "limit_over_time"]


def kind_of(row: dict) -> str:
    by_pass = {"FWD_B": "forward", "BWD_D": "data", "BWD_WB": "weights", "UPDATE": "update", "RELU_BWD": "activation"}
    action, kernel = row["label"].split()[-1], row["kernel"]
    if action in by_pass:
        return by_pass[action]
    if kernel.startswith("batch_norm"):
        return "batch norm"
    if kernel.endswith("pool"):
        return "pooling"
    return "rest"


def kernel_sizes(winnow: str, net: str, size: str, batch: str) -> dict:
    """{FLOPs of a pass: sizes of the kernels of the convolutions that have so many}, valid taps counted as winnow counts;
    of kernels for which there is a Winograd."""
    command = [winnow, "shapes", net, "--size", size, "--batch-size", batch]
    sizes = {}
    for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
        p = {key: int(value) for key, value in re.findall(r"([a-z]+)(\d+)", line.split("_n")[0])}
        flops = 2 * p["mb"] * p["ic"] * p["oc"] // p["g"]
        for x in "hw":
            taps = (o * p["s" + x] - p["p" + x] + k * (p["d" + x] + 1) for o in range(p["o" + x]) for k in range(p["k" + x]))
            flops *= sum(0 <= tap < p["i" + x] for tap in taps)
        if p["kh"] in (3, 5):
            sizes.setdefault(f"{flops:.9g}", set()).add(p["kh"])
    return sizes


def multiplications(row: dict, sizes: dict) -> float:
    """FLOPs that are really multiplied and added: F(t x t) of k x k kernels has (t + k - 1)^2 for every k^2 t^2."""
    flops = float(row["flops"])
    if row["effective"] != "1":
        return flops
    tile = re.search(r"\btile=(\d+)", row["kernel"])
    found = sizes.get(f"{flops:.9g}", set())
    if len(found) != 1:
        sys.exit(f"{row['net']}: found kernels of sizes {sorted(found)} for step {row['label']}, expected one size")
    t, k = int(tile.group(1)) if tile else 4, max(found)  # oneDNN's, which names no tile, is F(4 x 4)
    return flops * (t + k - 1) ** 2 / (k * k * t * t)


class Sums:
    """Times and limits of steps of the tape, added up."""

    def __init__(self):
        self.seconds = self.flops = self.bytes = self.arithmetic = self.memory = self.limit = 0.0

    def add(self, row: dict, sizes: dict, bandwidth: float):
        arithmetic = multiplications(row, sizes) / (float(row["peak_gflops"]) * 1e9)
        memory = float(row["bytes"]) / (bandwidth * 1e9)
        self.seconds += float(row["median_seconds"])
        self.flops += float(row["flops"])
        self.bytes += float(row["bytes"])
        self.arithmetic += arithmetic
        self.memory += memory
        self.limit += max(arithmetic, memory)


def sum_up(path: str, winnow: str, bandwidth: float) -> list:
    steps, sizes = {}, {}
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row.get("step", "") != "":
                step = steps.setdefault((row["net"], row["mode"], row["size"], row["batch"]), {})
                shape = (row["net"], row["size"], row["batch"])
                if shape not in sizes:
                    sizes[shape] = kernel_sizes(winnow, *shape)
                for kind in (kind_of(row), "whole step"):
                    step.setdefault(kind, Sums()).add(row, sizes[shape], bandwidth)
    if not steps:
        sys.exit(f"{path}: found no step of a network, expected the CSV file of winnow bench NET")
    lines = []
    for key, kinds in steps.items():
        whole = kinds["whole step"].seconds
        for kind in [*KINDS, "whole step"]:
            if s := kinds.get(kind):
                lines.append(dict(zip(COLUMNS, [*key, kind, s.seconds, 100 * s.seconds / whole, s.flops / s.seconds / 1e9,
                                                s.bytes / s.seconds / 1e9, s.arithmetic, s.memory, s.limit,
                                                s.limit / s.seconds])))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bandwidth", type=float, required=True, help="of memory, in GB/s")
    parser.add_argument("--winnow", required=True, help="the program")
    parser.add_argument("--csv")
    parser.add_argument("files", nargs="+", metavar="FILE", help="of winnow bench NET --csv")
    options = parser.parse_args()
    lines = [line for path in options.files for line in sum_up(path, options.winnow, options.bandwidth)]
    print("| network | kind | ms | of the step | GFLOP/s | GB/s | arithmetic ms | memory ms | limit / time |")
    print("|---|---|---|---|---|---|---|---|---|")
    for x in lines:
        print(f"| {x['net']} | {x['kind']} | {x['seconds'] * 1e3:.2f} | {x['percent_of_step']:.1f} % | {x['gflops']:.0f} | "
              f"{x['gbytes']:.1f} | {x['arithmetic_seconds'] * 1e3:.2f} | {x['memory_seconds'] * 1e3:.2f} | "
              f"{x['limit_over_time']:.2f} |")
    if options.csv:
        with open(options.csv, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for line in lines:
                writer.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in line.items()})


if __name__ == "__main__":
    main()
