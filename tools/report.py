#!/usr/bin/env python3
"""Turns the CSV files of tools/demo into one table (printed) and a report (FOLDER/report.md).

usage: report.py FOLDER    reads FOLDER/bench-NET.csv and FOLDER/train-NET.csv as `winnow bench` and `winnow train`
write them."""
import collections
import csv
import pathlib
import sys

HEADER = ["network", "input", "batch", "kernel picks of the training step", "step ms", "images/s", "GFLOP/s",
          "% of peak", "test accuracy"]


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def picks(steps):
    """"direct 12, onednn 3": convolutions and linear layers of a step by implementation."""
    names = [s["kernel"].split()[0] for s in steps if s["label"].split()[-1] in ("FWD_B", "BWD_D", "BWD_WB")]
    return ", ".join(f"{name} {count}" for name, count in collections.Counter(names).most_common())


def accuracy(folder, net):
    path = folder / f"train-{net}.csv"
    if not path.exists():
        return "not trained"
    epochs = [row for row in read(path) if row["kind"] == "epoch"]
    return f"{float(epochs[-1]['test_accuracy']):.3f} after {len(epochs)}" if epochs else "none"


def number(text, digits):
    return f"{float(text):.{digits}f}"


def summarise(folder, path):
    """One row of the table and the report's section on a network."""
    rows = [row for row in read(path) if row["mode"] == "training"]
    total = next(row for row in rows if row["label"] == "total")
    steps = [row for row in rows if row["step"]]
    net, batch, seconds = total["net"], int(total["batch"]), float(total["median_seconds"])
    row = [net, total["size"], str(batch), picks(steps), f"{seconds * 1e3:.1f}", f"{batch / seconds:.0f}",
           number(total["gflops"], 1), number(total["percent_of_peak"], 0), accuracy(folder, net)]
    dearest = sorted(steps, key=lambda s: -float(s["median_seconds"]))[:10]
    section = [f"## {net}: the dearest steps of a training step", "",
               table(["step", "ms", "share", "GFLOP/s", "% of peak", "GB/s", "kernel"],
                     [[s["label"], number(float(s["median_seconds"]) * 1e3, 3),
                       f"{100 * float(s['median_seconds']) / seconds:.0f} %", number(s["gflops"], 1),
                       number(s["percent_of_peak"], 0), number(s["gbytes"], 1), s["kernel"]] for s in dearest]), ""]
    return total, row, section


def table(header, rows):
    widths = [max(len(line[i]) for line in [header] + rows) for i in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
             for line in [header] + rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|"] + lines[1:])


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: report.py FOLDER")
    folder = pathlib.Path(sys.argv[1])
    networks = [summarise(folder, path) for path in sorted(folder.glob("bench-*.csv"))
                if not path.name.endswith(".machine.csv")]
    if not networks:
        sys.exit(f"report.py: no bench-NET.csv in {folder}; run `winnow bench NET --csv` first")
    first = networks[0][0]
    overview = table(HEADER, [row for _, row, _ in networks])
    lines = ["# winnow on this machine", "",
             f"{first['machine']}; {first['isa']}, {first['threads']} threads. GFLOP/s count valid taps only, over the "
             "whole training step; the peak is an FMA loop measured between the steps. Accuracy is on the embedded "
             "synthetic images, after the epochs named.", "", overview, ""]
    for _, _, section in networks:
        lines += section
    (folder / "report.md").write_text("\n".join(lines), encoding="utf-8")
    print(overview)


if __name__ == "__main__":
    main()
