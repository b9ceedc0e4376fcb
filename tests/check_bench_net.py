#!/usr/bin/env python3
"""winnow bench NET: parts of steps and the timeline, as files. The timeline is parsed strictly and held to the rules of
the trace event format. Takes the program's path; prints `check_bench_net: N passed, N failed, N skipped`."""
import collections
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

from checking import check, finish


def run(folder, *arguments):
    program = pathlib.Path(sys.argv[1]).resolve()
    return subprocess.run([program, "bench", *arguments], cwd=folder, capture_output=True, text=True, check=False)


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key twice among {keys}")
    return dict(pairs)


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def check_nesting(track, events):
    """Events of one thread lie apart or inside each other, the outer one first."""
    open_ends, last = [], 0
    for event in events:
        begin = round(event["ts"] * 1000)
        end = begin + round(event["dur"] * 1000)
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        check(begin >= last and (not open_ends or end <= open_ends[-1]), f"{track}: {event} is not nested")
        open_ends.append(end)
        last = begin


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_event(event, named):
    """The fields of one event, and their types, as the trace event format has them; nothing besides."""
    check(type(event.get("pid")) is int and event["pid"] > 0 and type(event.get("tid")) is int and event["tid"] >= 0, f"{event}")
    check(isinstance(event.get("name"), str) and event["name"], f"{event} has no name")
    if event.get("ph") == "M":
        check(set(event) == {"ph", "pid", "tid", "name", "args"} and event["name"] in ("process_name", "thread_name"), f"{event}")
        check(set(event["args"]) == {"name"} and isinstance(event["args"]["name"], str) and event["args"]["name"], f"{event}")
        named.add((event["pid"], event["tid"], event["name"]))
        return
    check(event.get("ph") == "X" and set(event) == {"ph", "pid", "tid", "name", "cat", "ts", "dur", "args"}, f"{event}")
    check(is_number(event["ts"]) and event["ts"] >= 0 and is_number(event["dur"]) and event["dur"] > 0, f"{event}")
    check(event["cat"] in ("run", "step", "phase", "part"), f"{event}")
    check(set(event["args"]) <= {"kernel", "GFLOP/s"} and isinstance(event["args"].get("kernel", ""), str)
          and is_number(event["args"].get("GFLOP/s", 0)), f"{event}")
    # viewers want names before what they name
    check({(event["pid"], 0, "process_name"), (event["pid"], event["tid"], "thread_name")} <= named, f"{event} is of no name")


def check_trace(path, steps):
    text = path.read_text(encoding="utf-8")
    trace = json.loads(text, object_pairs_hook=no_duplicates, parse_constant=no_constant)
    check(set(trace) == {"displayTimeUnit", "traceEvents"} and trace["displayTimeUnit"] in ("ms", "ns"), f"{set(trace)}")
    events, named = trace["traceEvents"], set()
    tracks = collections.defaultdict(list)
    for event in events:
        check_event(event, named)
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append(event)
    names = [(e["pid"], e["args"]["name"]) for e in events if e["name"] == "process_name"]
    check(len(names) == 2 and "training" in names[0][1] and "inference" in names[1][1], f"processes {names}")
    threads = [(e["pid"], e["tid"]) for e in events if e["name"] == "thread_name"]
    check(sorted(threads) == sorted(tracks) and len(threads) == 4, f"threads {threads}, tracks {sorted(tracks)}")
    for track, own in tracks.items():
        check_nesting(track, own)
        found = [(e["name"], e["args"]["kernel"]) for e in own if e["cat"] == "step"]
        wanted = [(s["label"], s["kernel"]) for s in steps if s["mode"] == ("training", "inference")[track[0] - 1]]
        check(found == 3 * wanted, f"{track}: steps {found}, expected three times {wanted}")
        check(sum(e["cat"] == "run" for e in own) == 3, f"{track}: runs")
        check({"wait"} < {e["name"] for e in own if e["cat"] == "part"}, f"{track}: no part")


def check_parts(rows, steps, printed):
    check(rows, "no part")
    for row in rows:
        check(row["part"] in ("weights", "input", "multiply", "output", "sum", "whole", "wait"), f"{row}")
        check(row["label"] == "total" or row["label"] == f"{row['layer']} {row['pass']}".strip(), f"{row}")
    for step in steps:
        own = [r for r in rows if r["step"] == step["step"] and r["mode"] == step["mode"]]
        check(own and abs(sum(float(r["percent_of_step"]) for r in own) - 100) < 1e-3, f"parts of {step['label']}: {own}")
    check("multiply" in printed and "with these clocks the step took" in printed, printed)


def check_winners(folder, common):
    ran = run(folder, "--winners", *common, "--csv", "winners.csv", "--impl=direct,winograd,1x1,depthwise")
    check(ran.returncode == 0 and "direct stands in for" in ran.stdout, f"{ran.stdout}{ran.stderr}")
    rows = {row["impl"]: row for row in read(folder / "winners.csv")}
    check(list(rows) == ["depthwise", "direct", "winograd", "1x1", "tuned"], f"rows {list(rows)}")
    for impl, substituted, passes in (("direct", 0, 8), ("tuned", 0, 8), ("winograd", 5, 8), ("depthwise", 8, 8)):
        row = rows[impl]
        check((row["passes"], row["substituted"]) == (str(passes), str(substituted)), f"{row}")
        parts = [float(row[f"{part}_seconds"] or "nan") for part in ("forward", "backward", "update")]
        check(all(0 < part < float(row["total_seconds"]) for part in parts) == (impl != "depthwise"), f"{row}")
        check((row["refusal"] != "") == (impl == "depthwise"), f"{row}")
    check(rows["tuned"]["ratio"] == "1", f"{rows['tuned']}")
    inference = run(folder, "--winners", *common, "--mode=inference", "--impl=direct")
    check(inference.returncode == 0 and "inference" in inference.stdout, inference.stderr)
    for flags, words in ((["--trace=x"], "--winners"), (["--impl=magic"], "magic")):
        wrong = run(folder, "--winners", *common, *flags)
        check(wrong.returncode == 2 and words in wrong.stderr, wrong.stderr)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        common = ["mnist-cnn", "--batch-size", "4", "--repetitions", "3", "--threads", "2", "--db", "t.db"]
        ran = run(folder, *common, "--csv", "steps.csv", "--parts-csv", "parts.csv", "--trace", "trace.json")
        check(ran.returncode == 0, ran.stderr)
        steps = [row for row in read(folder / "steps.csv") if row["step"]]
        check_trace(folder / "trace.json", steps)
        check_parts(read(folder / "parts.csv"), steps, ran.stdout)
        check("milliseconds spent on" not in run(folder, *common).stdout, "parts that nobody asked for")
        (folder / "trace.json").write_text("old", encoding="utf-8")
        failed = run(folder, *common, "--csv", "/dev/full", "--trace", "trace.json")
        check(failed.returncode == 1 and (folder / "trace.json").read_text(encoding="utf-8") == "old", failed.stderr)
        check(not (folder / "trace.json.new").exists(), "a draft is left")
        for path in ("no-folder/trace.json", "/dev/full"):
            failed = run(folder, *common, "--trace", path)
            check(failed.returncode == 1 and path in failed.stderr, failed.stderr)
        check_winners(folder, common)
        problem = run(folder, "ic16ih8oc16kh3", "--trace", "trace.json")
        check(problem.returncode == 2 and "--trace" in problem.stderr, problem.stderr)
    finish()


if __name__ == "__main__":
    main()
