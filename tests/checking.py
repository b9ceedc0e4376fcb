"""What the checks in Python share, as check.h does for those in C: counting, and the last line with the exit code."""
import pathlib
import sys

NAME = pathlib.Path(sys.argv[0]).stem
counts = {"passed": 0, "failed": 0, "skipped": 0}


def check(condition, what):
    """Counts a condition, and returns whether it holds; when it does not, says what was found and expected."""
    counts["passed" if condition else "failed"] += 1
    if not condition:
        print(f"{NAME}: {what}", file=sys.stderr)
    return bool(condition)


def lacks_feature(ran):
    """Whether a program that failed says that it was built without what it was asked for."""
    return ran.returncode == 1 and any(words in ran.stderr for words in ("this build is without", "this build does not read"))


def finish():
    """Prints the counts and exits as check_finish does."""
    print(f"{NAME}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    if counts["failed"]:
        sys.exit(1)
    sys.exit(77 if counts["skipped"] and not counts["passed"] else 0)
