"""One colour, one meaning, on every page.

After Okabe and Ito's set, moved until each has a contrast of 3 or more on the light and on the dark background, and
until any two stay apart for eyes without red, green or blue cones. `.streamlit/config.toml` and `stars.css` have the
same values; a test compares them.
"""

TRAIN = "#2470dd"
"""Training ratings, and what is measured on them."""
VALID = "#d9630d"
"""Validation: held out, and what chooses."""
TEST = "#0b9a66"
"""Test: held out, and scored once."""
BASELINE = "#6a717b"
"""A prediction without a network, and other lines to compare with."""
YOU = "#c964b8"
"""The visitor."""
RATING = "#5b67d8"
"""Of a rating itself: the stronger, the higher."""

RUNS = ("#4f6fd8", "#b07400", "#0f8f86", "#b8483f", "#8558b8", "#6b8424", "#c2568f", "#6a717b")
"""Runs over each other; a dash tells them apart as well."""

RATINGS = (
    "#231e6c",
    "#3d2d8f",
    "#633e9f",
    "#8b4ea4",
    "#b15d9f",
    "#d17191",
    "#e7897c",
    "#f3a568",
    "#f9c76a",
    "#f9e99a",
)
"""Of many ratings at once, lowest to highest: equal steps in OKLab, each lighter than the one before, from indigo over
rose to gold, so that eyes without red or green cones read it too."""

INK = {"light": "#565d69", "dark": "#adb3bf"}
"""Of words inside a chart, by theme: a drawing can't ask the page for its text colour."""

MEANINGS = {"train": TRAIN, "validation": VALID, "test": TEST, "baseline": BASELINE, "you": YOU}
"""Colours by meaning, in the order of the theme."""


def ink(theme: str | None) -> str:
    """The colour of words inside a chart; one that can be read on both where the theme is not known yet."""
    return INK.get(theme or "", BASELINE)


def rating_colour(share: float) -> str:
    """The colour of a rating.

    Args:
        share: 0 for the lowest rating of the scale, 1 for the highest.
    """
    return f"color-mix(in srgb, {RATING} {10 + 90 * min(1.0, max(0.0, share)):.0f}%, transparent)"
