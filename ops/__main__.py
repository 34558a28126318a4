"""`python -m ops`: what `./tape` runs. Ctrl-C while modules are being loaded is no traceback."""

import sys

try:
    from ops.cli import main

    main()
except KeyboardInterrupt:
    print("tape: interrupted", file=sys.stderr)
    sys.exit(130)
