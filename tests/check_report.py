#!/usr/bin/env python3
"""winnow report on files of every kind: the page is whole, needs nothing from outside, escapes what it shows, and has
its plots where gnuplot is installed. Takes the program's path; prints `check_report: N passed, ...`."""
import html.parser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from checking import check, counts, finish

PROBLEM = "g1mb1_ic16ih8iw8_oc16oh8ow8_kh3kw3_sh1sw1_ph1pw1_dh0dw0"
FILES = {
    "layers.csv": "machine,isa,threads,direction,problem,name,impl,config,effective,median_seconds,peak_gflops,ratio_to_best\n" + "".join(
        f"m,avx2,2,{direction},{PROBLEM},<net>:one & only*2,{impl},a=1,0,{seconds},100,1\n"
        for direction in ("FWD_B", "BWD_D", "BWD_WB") for impl, seconds in (("direct", 1e-3), ("im2col", 2e-3), ("1x1", ""))),
    "steps.csv": "machine,net,size,batch,mode,step,label,kernel,median_seconds,gflops,percent_of_peak,gbytes\n"
                 "m,lenet,28,4,training,0,0 FWD_B,direct,1e-3,1,2,3\nm,lenet,28,4,training,,total,,1e-3,1,2,3\n",
    "peer.csv": "machine,isa,threads,peer,direction,problem,name,impl,peer_impl,peer_seconds,ratio,ratio_low,ratio_high\n"
                f"m,avx2,1,onednn,FWD_B,{PROBLEM},a,direct,jit,4e-3,1.5,1.4,1.6\n"  # other threads than the layer's
                f"m,avx2,2,onednn,FWD_B,{PROBLEM},a,direct,jit,2e-3,1.5,1.4,1.6\nm,avx2,2,onednn,BWD_D,{PROBLEM},a,direct,jit,,,,\n",
    "train-x.csv": "kind,epoch,step,loss,train_accuracy,test_accuracy,seconds_total\nstep,1,1,2.3,0.1,,1\n"
                   "step,1,2,2.0,0.2,,2\nepoch,1,2,2.1,0.2,0.5,3\n",
    "machine.csv": "fact,value,unit,isa,threads,level\npeak,100,GFLOP/s,avx2,2,\ntriad,20,GB/s,avx2,2,memory\n"
                   "triad,80,GB/s,avx2,2,L3\ntriad,30,GB/s,avx2,1,memory\n",
    "steps.machine.csv": "fact,value,unit,isa,threads,level\ncpu,Some CPU,,,,\ndoctor,serious; load: too much,,,,\n"
                         "doctor: load,too much,,,,\n",
    "other.machine.csv": "fact,value,unit,isa,threads,level\ncpu,Some CPU,,,,\ndoctor,good,,,,\n",
    "parts.csv": "machine,net,size,batch,mode,step,label,layer,pass,part,median_seconds,percent_of_step\n" + "".join(
        f"m,lenet,28,4,training,{step},{label},{layer},{name},{part},1e-3,50\n"
        for step, label, layer, name in ((0, "conv1 FWD_B", "conv1", "FWD_B"), ("", "total", "", "total"))
        for part in ("multiply", "wait")),
    "winners.csv": "machine,net,size,batch,mode,impl,passes,substituted,total_seconds,forward_seconds,backward_seconds\n"
                   "m,lenet,28,4,training,winograd,12,7,3e-3,1e-3,2e-3\nm,lenet,28,4,training,depthwise,12,12,,,\n"
                   "m,lenet,28,4,training,tuned,12,0,2e-3,1e-3,1e-3\n",
    "pytorch.csv": "net,mode,size,batch,torch_layout,torch_seconds,winnow_seconds,ratio,ratio_low,ratio_high\n"
                   "lenet,training,28,4,contiguous,4e-3,1e-3,4.125,4,4.5\n",
    "doctor.csv": "check,verdict,found,wanted,worth\nswap,good,none,unused,nothing\n",
    "bypass.csv": "item,event,way,median_ns,low_ns,high_ns,ratio,ratio_low,ratio_high,step_ms,note\n"
                  "clock,reading,vdso,23.5,23,24,10.4,10,11,0.001,\nclock,reading,umwait,,,,,,,,no such CPU\n",
    "tuning.csv": "kind,label,effort,pareto,impl,median_seconds,ratio,in_place_seconds,step_seconds\n"
                  "pick,lenet conv1 FWD_B,quick,1,direct,1e-3,1,,\nstep,lenet training,,,,7e-3,,8e-3,9e-3\n"
                  "best,lenet conv1 FWD_B,,,direct,1e-3,1,,\nregret model,lenet conv1 FWD_B,,,1x1,2e-3,2,,\n"
                  "regret model,lenet conv2 FWD_B,,,1x1,8e-3,8,,\nbeside,lenet training,,,picks,,1,,9e-3\n"
                  "beside,lenet training,,,im2col.db,,3.125,,28e-3\n",
    "memory.csv": "net,size,batch,threads,torch_layout,torch_idle_mib,torch_peak_mib,winnow_peak_mib,ratio\n"
                  "lenet,28,4,2,contiguous,237,717.5,308,2.33\n",
    "shares.csv": "net,mode,size,batch,kind,seconds,percent_of_step,gflops,gbytes,limit_seconds,limit_over_time\n"
                  "lenet,training,28,4,winnowing,2e-3,50,10,20,1e-3,0.51\n",
    "compare.csv": "name,repetitions_a,repetitions_b,seconds_a,seconds_b,ratio,p,verdict\nchaff FWD_B,7,7,1,2,2,0.01,slower\n",
    "lr-find.csv": "lr,loss\n1e-3,2.5\n1e-2,1.25\n1e-1,9\n",
    "confusion.csv": "truth,predicted,images\nboot,boot,6\nboot,sandal,2\nshirt,coat,\n",
    "predictions.csv": "image,truth,rank,class,name,probability,logit\nimp.png,,1,3,gremlin,0.75,2\nimp.png,,2,0,imp,0.25,1\n",
    "layout.csv": "run,randomised_ms,fixed_ms\n1,22,20\n2,33,30\n3,44,11\n",
    "below/deeper/lr-find.csv": "lr,loss\n1e-3,7\n1e-2,6.75\n",
    "seeds/run-seed1.csv": "kind,epoch,step,loss,train_accuracy,test_accuracy,seconds_total\nepoch,1,9,2.1,0.2,0.5,3\n",
    "seeds/run-seed2.csv": "kind,epoch,step,loss,train_accuracy,test_accuracy,seconds_total\nepoch,1,9,2.1,0.2,0.6,3\n",
    "three.csv": "kind,epoch,step,loss,train_accuracy,test_accuracy,seconds_total,seed\n" + "".join(
        f"epoch,{epoch},{9 * epoch},1.5,0.3,0.{seed}{epoch}7,3,{seed}\n" for seed in (7, 8, 9) for epoch in (1, 2)),
    "epochs.csv": "kind,epoch,step,loss,train_accuracy,test_accuracy,seconds_total\nepoch,1,9,2.1,0.2,0.5,3\nepoch,2,18,1.1,0.4,0.6,6\n",
}


# Not the suite's; left out with a line each where they are found in a folder.
FOREIGN = {"foreign.csv": "a;b\n1;2\n", "below/empty.csv": "", "strange.csv": "colour,ratio\nred,1\n"}
PLOTS = 16  # three of layers, roofline, steps, parts, peer twice, pytorch, beside, two rates, four of training


class Reader(html.parser.HTMLParser):
    """Collects text, and the open elements."""

    def __init__(self):
        super().__init__()
        self.text, self.open, self.wrong = "", [], []

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br"):
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href") and not (value or "").startswith("#"):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data):
        self.text += data


def run(folder, *arguments, path=None):
    environment = dict(os.environ, PATH=path) if path else None
    return subprocess.run([pathlib.Path(sys.argv[1]).resolve(), "report", *arguments], cwd=folder, capture_output=True, text=True, check=False,
                          env=environment)


def write_files(folder):
    for file, text in FILES.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text, encoding="utf-8")


def check_page(folder, plots):
    page = (folder / "page.html").read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(page)
    check(not reader.open and not reader.wrong, f"elements {reader.open} {reader.wrong}")
    check("<script" not in page, "there is a script in the page")
    for text in ("<net>", "one & only", "lenet", "train-x", "triad", "of roof", "geometric mean 1.500", "2.00", "direct",
                 "3.00 (7 of 12)", "4.00, 4.12 times ours", "2.000, 1.50 times ours", "serious; load: too much", "swap", "multiply",
                 # a text of each section that has no plot, and sums over rows
                 "umwait", "im2col", "4.000", "8.000", "717.5", "winnowing", "chaff FWD_B", "least loss 1.25 at a rate of 1e-2",
                 "least loss 6.75", "6 of 8 images right, 75.00 %", "sandal", "gremlin", "medians of 3 pairs", "run-seed2", "address-layout",
                 "40.00 %", "60.00 %", "72.70 %", "82.70 %", "92.70 %"):
        check(text in reader.text, f"the page lacks {text}")
    check(reader.text.count("Some CPU") == 1, "a fact of two files is not shown once")
    check("/" + "in/" not in page and str(pathlib.Path.home()) not in page, "a path is in the page")
    check(page.count("<svg") == plots, f"{page.count('<svg')} plots, expected {plots}")
    if plots:
        check(any(">memory<" in svg for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)), "no roof of the memory")
        check(re.search(r"<title>[^<]*GFLOP/s, \d+ per cent", page), "no hover text on the roofline")


def check_hidden(folder):
    """What is hidden is nobody's result."""
    for file in ("in/.making/damaged.csv", "in/.damaged.csv"):
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_text("lr,loss\n1\n", encoding="utf-8")
    ran = run(folder, "in", "-o", "page.html", path="/nonexistent")
    check(ran.returncode == 0 and "left out" not in ran.stderr, ran.stderr)
    check_page(folder, 0)


def check_foreign(folder):
    """What is no result is left out of a folder with one line, and an error where it is named; damage is always one."""
    for file, text in FOREIGN.items():
        (folder / "in" / file).write_text(text, encoding="utf-8")
    ran = run(folder, "in", "-o", "page.html", path="/nonexistent")
    lines = [line for line in ran.stderr.splitlines() if "left out" in line]
    check(ran.returncode == 0 and len(lines) == len(FOREIGN), ran.stderr)
    check(all(any(f"in/{file}" in line for line in lines) for file in FOREIGN), ran.stderr)
    check_page(folder, 0)
    for file in FOREIGN:
        ran = run(folder, f"in/{file}", "-o", "none.html", path="/nonexistent")
        check(ran.returncode == 1 and file in ran.stderr and "left out" not in ran.stderr, ran.stderr)
    (folder / "in" / "damaged.csv").write_text("lr,loss\n1\n", encoding="utf-8")
    ran = run(folder, "in", "-o", "none.html", path="/nonexistent")
    check(ran.returncode == 1 and "damaged.csv:2" in ran.stderr, ran.stderr)
    (folder / "in" / "damaged.csv").unlink()
    (folder / "alone").mkdir()
    (folder / "alone" / "other.csv").write_text("a,b\n", encoding="utf-8")
    ran = run(folder, "alone", "-o", "none.html", path="/nonexistent")
    check(ran.returncode == 1 and "no CSV file of results" in ran.stderr, ran.stderr)
    check(not (folder / "none.html").exists(), "a page that is not whole is left")


def check_committed(folder):
    """Every folder of results/ makes a page, and every kind of docs/results.md is one that the program knows."""
    root = pathlib.Path(__file__).resolve().parent.parent
    for machine in sorted(path for path in (root / "results").iterdir() if path.is_dir() and path.name != "local"):
        ran = run(folder, machine, "-o", "committed.html", path="/nonexistent")
        check(ran.returncode == 0 and "left out" not in ran.stderr, f"{machine}: {ran.stderr}")
    kinds = re.findall(r"^## (.*)$", (root / "docs" / "results.md").read_text(encoding="utf-8"), re.MULTILINE)
    reader = Reader()
    reader.feed((folder / "page.html").read_text(encoding="utf-8").split(">Files<")[1])
    check(kinds and all(kind in reader.text for kind in kinds), f"a kind of {kinds} is not among {reader.text}")


def main():
    gnuplot = shutil.which("gnuplot")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_files(folder / "in")
        if gnuplot:
            ran = run(folder, "in", "-o", "page.html", "--plots", "plots", "--before", "in/steps.csv", "--after", "in/steps.csv")
            check(ran.returncode == 0, ran.stderr)
            check_page(folder, PLOTS)
            for ending, begin in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
                files = list((folder / "plots").glob("*" + ending))
                check(len(files) == PLOTS, f"{len(files)} plots as {ending}")
                check(all(file.read_bytes().startswith(begin) for file in files), f"plots that are no {ending}")
        else:
            check(not os.environ.get("CI"), "gnuplot is missing")
            counts["skipped"] += 1
        bare = run(folder, "in", "-o", "page.html", path="/nonexistent")
        check(bare.returncode == 0 and "gnuplot" in bare.stderr, bare.stderr)
        check_page(folder, 0)
        check_hidden(folder)
        check_foreign(folder)
        check_committed(folder)
        full = run(folder, "in", "-o", "/dev/full")
        check(full.returncode == 1 and "/dev/full" in full.stderr, full.stderr)
    finish()


if __name__ == "__main__":
    main()
