#!/usr/bin/env python3
"""winnow-bench as users of Google Benchmark know it: listing, filtering, JSON, mistakes, and its compare.py on two of
our files. Takes the program's path; prints `check_winnow_bench: N passed, N failed, N skipped`."""
import csv
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

from checking import check, counts, finish

PROBLEM = "mb1ic16ih8oc16kh3ph1"
SOFTWARE = ["task-clock", "page-faults", "context-switches"]
QUICK = ["--benchmark_min_time=0.001"]
COMPARE = pathlib.Path("/usr/share/benchmark/compare.py")


def run(*arguments):
    return subprocess.run([sys.argv[1], *map(str, arguments)], capture_output=True, text=True, check=False)


def check_listing():
    listed = run("--benchmark_list_tests", PROBLEM, "--dir=FWD_B,BWD_WB", "--threads=1,2", "--isa=portable")
    names = listed.stdout.split()
    check(listed.returncode == 0 and len(names) == len(set(names)) > 8, f"listing: {listed.stdout}{listed.stderr}")
    for part in ("FWD_B/", "BWD_WB/", "/direct/", "/tuned/", "/portable/", "threads:2"):
        check(any(part in name for name in names), f"listing: no name has {part}: {names}")
    some = run("--benchmark_list_tests", "--benchmark_filter=/direct/", PROBLEM, "--isa=portable").stdout.split()
    check(len(some) == 1 and "/direct/" in some[0], f"filter: {some}")
    network = run("--benchmark_list_tests", "lenet", "--batch-size=1", "--impl=direct").stdout.split()
    check(len(network) == 5, f"lenet has 5 convolution passes, listed: {network}")


def check_json(path):
    ran = run(PROBLEM, "--impl=direct,im2col", "--benchmark_repetitions=2", f"--benchmark_out={path}", *QUICK)
    check(ran.returncode == 0, f"{ran.stderr}")
    text = path.read_text(encoding="utf-8")
    result = json.loads(text)
    runs = [entry for entry in result["benchmarks"] if entry["run_type"] == "iteration"]
    check(len(runs) == 4, f"2 implementations twice make 4 runs, found {len(runs)}")
    for entry in runs:
        for counter in ("GFLOP/s", "%peak", "GB/s", "FLOP/B", "workspace_MB"):
            check(entry.get(counter, -1) >= 0, f"{entry['name']}: counter {counter}: {entry.get(counter)}")
        check(0 < entry["error"] < 1e-5, f"{entry['name']}: error {entry['error']}")
        for event in SOFTWARE:
            check(entry.get(event, -1) >= 0, f"{entry['name']}: {event}: {entry.get(event)}")
        # a hardware event is counted or absent, never zero, and what is absent is explained
        check(entry.get("cycles", 1) > 0, f"{entry['name']}: cycles {entry.get('cycles')}")
        check("cycles" in entry or "hardware counters" in result["context"]["counters"], f"{result['context']}")
        check(entry["real_time"] > 0 and entry["label"].split()[0] in ("direct", "im2col"), f"{entry}")
    check(result["context"]["executable"] == "winnow-bench", result["context"]["executable"])
    check("host_name" not in result["context"] and socket.gethostname() not in text, "the host's name is in the JSON")
    check("machine" in result["context"] and "clock" in result["context"], f"{result['context']}")


def check_caches():
    names = run("--benchmark_list_tests", PROBLEM, "--impl=direct", "--cold=all,weights,none").stdout.split()
    check([name.split("/")[-3] for name in names] == ["threads:" + names[0].split("threads:")[1].split("/")[0],
          "cold:weights", "cold:none"], f"cold: {names}")
    ran = run(PROBLEM, "--impl=direct", "--cold=none", *QUICK)
    check(ran.returncode == 0 and "cold:none" in ran.stdout, f"--cold=none: {ran.stderr}")


def check_csv():
    """Refused runs have no counters: the library alone would take its columns from the first and end at the next."""
    ran = run("mb1ic16ih8oc16kh3", "--impl=1x1,direct", "--refused", "--benchmark_format=csv", *QUICK)
    rows = list(csv.DictReader(ran.stdout.splitlines()))
    check(ran.returncode == 0 and len(rows) == 2, f"csv: {ran.stdout}{ran.stderr}")
    for row in rows:
        refused = row["error_occurred"] == "true"
        check(refused or (float(row["GFLOP/s"]) > 0 and float(row["error"]) > 0 and row["cycles"] != "0"), f"csv: {row}")
        check(refused == ("/1x1/" in row["name"]), f"csv: {row}")


def check_compare(first, second):
    """The library's own comparison, from libbenchmark-tools, needs scipy."""
    if not COMPARE.exists() or subprocess.run(["/usr/bin/python3", "-c", "import scipy"], check=False,
                                              capture_output=True).returncode != 0:
        check(not os.environ.get("CI"), "libbenchmark-tools or python3-scipy is missing")
        counts["skipped"] += 1
        print("check_winnow_bench: libbenchmark-tools or python3-scipy is missing: its compare.py not tried")
        return
    compared = subprocess.run(["/usr/bin/python3", COMPARE, "benchmarks", first, second], capture_output=True,
                              text=True, check=False)
    check(compared.returncode == 0 and "/direct/" in compared.stdout, f"compare.py: {compared.stderr}")


def check_log(folder):
    log = folder / "verbose.log"
    execution = ("onednn_verbose,{}exec,cpu,convolution,jit:avx2,backward_data,src_f32::blocked:aBcd8b:f0,,"
                 "alg:convolution_direct,mb2_ic16oc16_ih7oh7kh5sh1dh0ph2_iw7ow7kw5sw1dw0pw2,0.1")
    log.write_text("onednn_verbose,info,oneDNN v2.6.3\n" + execution.format("") + "\n" +
                   execution.format("1700000000.5,") + "\nonednn_verbose,exec,cpu,reorder,jit:uni,undef,a,,,16x16,0.1\n",
                   encoding="utf-8")
    names = run("--benchmark_list_tests", f"--verbose-log={log}", "--impl=direct").stdout.split()
    check(len(names) == 1 and names[0].startswith("BWD_D/") and 'log*2"' in names[0], f"log: {names}")
    log.write_text(execution.replace("kh5", "kh0").format("") + "\n", encoding="utf-8")
    bad = run(f"--verbose-log={log}")
    check(bad.returncode == 1 and "verbose.log:1" in bad.stderr, f"log: {bad.stderr}")


def check_mistakes(folder):
    (folder / "empty").write_text("# nothing\n", encoding="utf-8")
    for code, expected, arguments in (
            (2, "magic", [PROBLEM, "--impl=magic"]), (2, "--benchmark_colour", ["--benchmark_colour=1"]),
            (2, "--benchmark_format=xml", ["--benchmark_format=xml"]), (2, "--benchmark_out_format=xml", ["--benchmark_out_format=xml"]),
            # lists are read to their end, however long
            (2, "\"x\"", [PROBLEM, "--threads=" + 200 * "1," + "x"]), (2, "sse9", [PROBLEM, "--isa=" + 60 * "portable," + "sse9"]),
            (2, "\"warm\"", [PROBLEM, "--cold=" + 60 * "weights," + "warm"]), (2, "FWD_X", ["lenet", "--dir=" + 50 * "FWD_B," + "FWD_X"]),
            (2, "nosuch", ["nosuch"]), (2, "matches", [PROBLEM, "--benchmark_filter=zzz"]),
            (2, "all, weights or none", [PROBLEM, "--cold=warm"]), (2, "--threads", [PROBLEM, "--threads=1,x"]), (2, "sse9", [PROBLEM, "--isa=sse9"]),
            (1, "no-such-folder/x.json: No such file", [PROBLEM, "--benchmark_out=no-such-folder/x.json"]),
            (1, "/dev/full: not everything", [PROBLEM, "--impl=direct", "--benchmark_out=/dev/full", *QUICK]),
            (1, "no-such-file", ["--batch=no-such-file"]), (1, "no-such-file", ["--verbose-log=no-such-file"]),
            (1, "no problem", [f"--batch={folder}/empty"]), (1, "found no executed", [f"--verbose-log={folder}/empty"]),
            (1, "refused", ["ic16ih8oc16kh3", "--impl=1x1"])):
        ran = run(*arguments)
        check(ran.returncode == code and expected in ran.stderr, f"{arguments}: exit {ran.returncode}: {ran.stderr}")
    check(run("--help").returncode == 0, "--help")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_listing()
        check_json(folder / "a.json")
        check_json(folder / "b.json")
        check_caches()
        check_csv()
        check_compare(folder / "a.json", folder / "b.json")
        check_log(folder)
        check_mistakes(folder)
    finish()


if __name__ == "__main__":
    main()
