"""`python -m autorec_core`."""

import sys

from autorec_core import environment

environment.prepare()

from autorec_core.cli import main  # noqa: E402 (torch may come with it, and reads its environment once)

sys.exit(main())
