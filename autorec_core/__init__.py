"""AutoRec: an autoencoder on the rating matrix, from the data to a recommendation.

Importing this package imports nothing else of it and changes nothing on the machine. See `docs/architecture.md`.
"""

__version__ = "0.2.0"
