"""`python -m autorec_core`: see `cli`."""

import sys

from autorec_core.cli import main

sys.exit(main())
