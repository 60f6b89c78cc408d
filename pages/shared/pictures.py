"""Pictures to take home: a row of buttons that save the charts of a page as they are drawn."""

from __future__ import annotations

from collections.abc import Mapping

from pages.shared import assets
from pages.shared.words import _

_HTML = '<div class="pictures" role="group"><span></span><em role="status"></em></div>\n'


def save_row(key: str, pictures: Mapping[str, str], file: str = "autorec") -> None:
    """Draws a button for each picture; what is drawn of lines and words is saved as SVG, what is of pixels as PNG.

    Args:
        key: of the row.
        pictures: what people call each, by the key of its element.
        file: what the files' names begin with.
    """
    told = {
        "label": _("Save as a file:"),
        "help": _("As it is drawn now: SVG, or PNG where it is made of pixels."),
        "missing": _("This picture is not drawn at the moment."),
        "pictures": [
            {"key": element, "label": label, "file": f"{file}-{element.replace('_', '-')}"}
            for element, label in pictures.items()
        ],
    }
    assets.component("pictures", _HTML)(key=key, data=told)
