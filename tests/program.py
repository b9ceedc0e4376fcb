"""The program under test, as checks in Python run it: its path is their first argument."""
import os
import pathlib
import subprocess
import sys

from checking import check

# Without a place for a tuning database kernels are chosen the same way every time, whatever this machine has tuned.
for variable in ("HOME", "XDG_CACHE_HOME", "WINNOW_DB"):
    os.environ.pop(variable, None)


def run(folder, *arguments):
    """Runs it in a folder, to whatever end."""
    return subprocess.run([pathlib.Path(sys.argv[1]).resolve(), *map(str, arguments)], cwd=folder, capture_output=True,
                          text=True, check=False)


def succeed(folder, *arguments):
    """Its output, where it has nothing to say on standard error."""
    done = run(folder, *arguments)
    check(done.returncode == 0 and not done.stderr, f"{arguments}: code {done.returncode}: {done.stderr}")
    return done.stdout


def refuse(folder, part, *arguments):
    """It fails, with one line that holds this part."""
    done = run(folder, *arguments)
    check(done.returncode in (1, 2) and part in done.stderr and done.stderr.count("\n") == 1,
          f"{arguments}: code {done.returncode}, '{done.stderr}' lacks '{part}'")
