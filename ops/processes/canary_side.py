"""One side of a canary in a process of its own: `python -m ops.processes.canary_side TASK`.

Prints a line of JSON per epoch: what this checkout, with the settings of its environment, decides.
"""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout

from ops.processes.canarying import Here, Task
from ops.settings import load
from schemas.errors import TapeError, one_line


def main(task: str) -> int:
    """Exit code 2, with one line on stderr, where it cannot run. What a version prints by itself
    goes there as well.
    """
    said = sys.stdout
    try:
        with redirect_stdout(sys.stderr):
            for turn in Here(load()).turns(Task.from_json(task)):
                print(json.dumps(turn), file=said, flush=True)
    except TapeError as error:
        print(one_line(error), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
