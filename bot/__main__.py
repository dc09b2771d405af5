"""`python -m bot`."""

import os
import sys

from bot.cli import main

status = main()
if "asyncio" not in sys.modules:
    # Nothing is open: `explain` would spend a tenth of its time on taking its catalogue apart.
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)
sys.exit(status)
