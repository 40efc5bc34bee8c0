"""Prints what `make demo` did: a table of the summary, where to look, and one click laid out.

Takes the file of clicks, the directory of the quarantine, and the command's `--json` on standard input.
"""

import json
import pathlib
import sys


def main():
    clicks, quarantine = (pathlib.Path(path) for path in sys.argv[1:])
    summary = json.load(sys.stdin)
    (target,) = summary["targets"]
    rows = [
        ("files", summary["objects"], "tests/data/demo"),
        ("records", summary["records"], ""),
        ("clicks sent", target["sent"], clicks),
        ("quarantined", target["quarantined"], quarantine),
        ("failed", target["failed"], ""),
    ]
    if clicks.is_file():
        with clicks.open(encoding="utf-8") as lines:
            click = next(lines)
        print("One of the clicks:\n")
        print(json.dumps(json.loads(click), ensure_ascii=False, indent=2), end="\n\n")
    for name, count, where in rows:
        print(f"{name:<12} {count:>6}  {where}".rstrip())
    for problem in summary["problems"]:
        print(problem)


if __name__ == "__main__":
    main()
