"""One script a question; each prints its table and the machine. See README.md."""

from autorec_core import environment

environment.prepare()  # as a training of the app has it, for whatever is measured beside it too
