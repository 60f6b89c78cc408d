"""One colour, one meaning, on every page. Each has a contrast of 3 or more on the light and the dark background, and
they stay apart for colour-blind eyes (after Okabe and Ito's set)."""

TRAIN = "#2a8fd6"
VALID = "#d9730d"
TEST = "#12936b"
BASELINE = "#7a8594"
YOU = "#b0579c"
RATING = "#5b67d8"
"""Of a rating itself: the stronger, the higher."""


def rating_colour(share: float) -> str:
    """The colour of a rating.

    Args:
        share: 0 for the lowest rating of the scale, 1 for the highest.
    """
    return f"color-mix(in srgb, {RATING} {10 + 90 * min(1.0, max(0.0, share)):.0f}%, transparent)"
