"""`python -m ops`: what `./tape` runs. Ctrl-C while modules are being loaded is no traceback."""

import gc
import sys

# Loading makes objects that stay. To look through them every 700 takes a tenth of it.
gc.set_threshold(20_000)
try:
    from ops.cli import main

    main()
except KeyboardInterrupt:
    print("tape: interrupted", file=sys.stderr)
    sys.exit(130)
