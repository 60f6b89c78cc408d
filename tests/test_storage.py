"""What is written is whole, and is JSON that anybody can read."""

from __future__ import annotations

import json
import math

from autorec_core.storage import without_nan


def test_numbers_that_are_not_finite_become_none_wherever_they_are() -> None:
    given = {"a": math.nan, "b": [1.5, math.inf, {"c": -math.inf}], "d": (1, math.nan), "e": "nan", "f": True}
    assert without_nan(given) == {"a": None, "b": [1.5, None, {"c": None}], "d": [1, None], "e": "nan", "f": True}
    json.dumps(without_nan(given), allow_nan=False)
