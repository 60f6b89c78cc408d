"""All that the README says of visitors, measured again: one study after the other.

    python -m benchmarks.visitors [--seeds 5] [--rounds 200] [RATINGS ...]

RATINGS are files or folders of ratings to measure on beside the bundled set. The studies, each a script of its own:
`benchmarks.fold_in` (fold-in, retraining, averages, intervals), `benchmarks.asking` (asked well or not),
`benchmarks.recommend` (the time of a list) and `benchmarks.kills` (the server is killed in the middle of clicks).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks import asking, fold_in, kills, recommend


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables; the status is 1 where a rating was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ratings", nargs="*")
    parser.add_argument("--seeds", type=int, default=5, help="of each study of accuracy (default: 5)")
    parser.add_argument("--rounds", type=int, default=200, help="how often a server is killed (default: 200)")
    asked = parser.parse_args(arguments)
    for study in (fold_in, asking):
        for ratings in ([], *([path] for path in asked.ratings)):
            print(f"\n{(study.__doc__ or '').splitlines()[0]}", flush=True)
            study.main([*ratings, "--seeds", str(asked.seeds)])
    print(f"\n{(recommend.__doc__ or '').splitlines()[0]}", flush=True)
    recommend.main([])
    print(f"\n{(kills.__doc__ or '').splitlines()[0]}", flush=True)
    return kills.main(["--rounds", str(asked.rounds)])


if __name__ == "__main__":
    sys.exit(main())
