"""One round by hand: `python -m tests.chaos [--seed N] [--seconds 60]`. The same seed draws the
same kills and faults.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from ops import stack as local_stack
from tests.chaos.round import Plan, Round


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--seconds", type=float, default=60.0)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tape-chaos-"))
    print(f"seed {chosen.seed}, run folder {folder}", flush=True)
    try:
        local_stack.start(folder / "stack", ports=local_stack.FREE)
        counts = Round(folder / "stack", folder / "desk", chosen.seed, Plan(chosen.seconds)).run()
    finally:
        local_stack.stop(folder / "stack")
    for name, count in sorted(counts.items()):
        print(f"{count:>6,}  {name}")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
