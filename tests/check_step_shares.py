#!/usr/bin/env python3
"""tools/step_shares.py: what Winograd multiplies, of 3x3 and 5x5 kernels and in oneDNN's, and that a step which no layer
of the network has is refused. Takes the program's path; prints `check_step_shares: N passed, N failed, N skipped`."""
import csv
import pathlib
import subprocess
import sys
import tempfile

from checking import check, finish

ROOT = pathlib.Path(__file__).resolve().parent.parent
WIDE, SQUARE = "1.20921784e+10", "3.63646157e+09"  # FLOPs of alexnet's layers 3 (5x5) and 6 (3x3), batch 16
HEADER = "net,size,batch,mode,step,label,kernel,flops,bytes,effective,median_seconds,peak_gflops"


def shares(folder, label, kernel, flops, effective):
    """The program's run on a step of alexnet, and operations at the peak over those of the direct method."""
    steps, out = folder / "steps.csv", folder / "shares.csv"
    steps.write_text(f'{HEADER}\nalexnet,224,16,training,0,{label},"{kernel}",{flops},0,{effective},0.1,1\n', encoding="utf-8")
    ran = subprocess.run([sys.executable, ROOT / "tools" / "step_shares.py", "--bandwidth", "1", "--winnow", sys.argv[1],
                          steps, "--csv", out], capture_output=True, text=True, check=False)
    if ran.returncode:
        return ran, None
    with open(out, encoding="utf-8", newline="") as file:
        return ran, float(next(csv.DictReader(file))["arithmetic_seconds"]) * 1e9 / float(flops)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for label, kernel, flops, effective, expected in (
                ("3 FWD_B", "winograd tile=4,tiles=14", WIDE, 1, 64 / 400), ("3 BWD_WB", "winograd tile=2,tiles=14", WIDE, 1, 0.36),
                ("6 BWD_D", "winograd tile=6,tiles=32", SQUARE, 1, 64 / 324), ("6 FWD_B", "onednn winograd=1,index=0", SQUARE, 1, 0.25),
                ("6 FWD_B", "onednn winograd=0,index=0", SQUARE, 0, 1), ("3 FWD_B", "direct blocks=2", WIDE, 0, 1)):
            ran, found = shares(folder, label, kernel, flops, effective)
            check(found and abs(found - expected) < 1e-5, f"{label} {kernel}: found {found}, expected {expected}; {ran.stderr}")
        ran, _ = shares(folder, "6 FWD_B", "winograd tile=4,tiles=14", "1e+09", 1)
        check(ran.returncode == 1 and "6 FWD_B" in ran.stderr, f"a step of no layer: exit {ran.returncode}: {ran.stderr}")
    finish()


if __name__ == "__main__":
    main()
