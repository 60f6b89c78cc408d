"""What others published for the same data, to be put beside a figure measured here."""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "Sedhain et al. 2015"
PAPERS_ACTIVATIONS = tuple(
    f"paper-{code}-{output}" for code in ("identity", "sigmoid") for output in ("identity", "sigmoid")
)
"""The paper's table of activations, as variants of a reproduction: code, then output."""


@dataclass(frozen=True)
class Published:
    """A test RMSE out of a publication."""

    model: str
    """What the publication calls it."""
    rmse: float
    """In rating units."""
    source: str
    """Authors and year."""
    note: str = ""
    """What must be known to compare with it."""


PUBLISHED: dict[str, tuple[Published, ...]] = {
    "ml-1m": (
        Published("I-AutoRec", 0.831, PAPER),
        Published("U-AutoRec", 0.874, PAPER),
        Published("I-AutoRec, deep 500-250-500", 0.827, PAPER, "three hidden layers, pretrained"),
        Published("I-AutoRec, identity code, identity output", 0.872, PAPER),
        Published("I-AutoRec, identity code, sigmoid output", 0.852, PAPER),
        Published("I-AutoRec, sigmoid code, identity output", 0.831, PAPER),
        Published("I-AutoRec, sigmoid code, sigmoid output", 0.836, PAPER),
        Published("biased matrix factorisation", 0.845, PAPER),
        Published("I-RBM", 0.854, PAPER),
        Published("LLORMA", 0.833, PAPER),
        Published("GC-MC", 0.832, "van den Berg et al. 2017", "no features"),
        Published("Sparse FC", 0.824, "Muller et al. 2018"),
        Published("GLocal-K", 0.8227, "Han et al. 2021", "the epoch was chosen on the test ratings"),
    ),
    "ml-10m": (
        Published("I-AutoRec", 0.782, PAPER),
        Published("U-AutoRec", 0.867, PAPER),
        Published("GC-MC", 0.777, "van den Berg et al. 2017", "no features"),
    ),
    "ml-100k u1": (
        Published("GC-MC", 0.910, "van den Berg et al. 2017", "no features; with them 0.905"),
        Published("GLocal-K", 0.8889, "Han et al. 2021", "the epoch was chosen on the test ratings"),
    ),
}
"""By the name of the data set; "ml-100k u1" is its published split into u1.base and u1.test."""


def find(dataset: str | None, model: str) -> Published | None:
    """What was published of a model on a data set, or None.

    Args:
        dataset: its name; None where the ratings are of no known set.
        model: as `Published.model` has it.
    """
    return next((one for one in PUBLISHED.get(dataset or "", ()) if one.model == model), None)
