"""The picture of one row of ratings going through the network, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from autorec_core.ratings import RatingScale
from pages.shared.palette import TEST, rating_colour

_ROW_STYLE = f"""<style>
.through {{ display: grid; grid-template-columns: minmax(0, 1fr) auto minmax(0, .72fr) auto minmax(0, 1fr); gap: .5rem;
  align-items: start; }}
.through h4 {{ margin: 0 0 .5rem; font-size: .95rem; font-weight: 650; padding: 0; }}
.through .arrow {{ align-self: center; text-align: center; opacity: .72; font-size: .78rem; padding: 0 .2rem; }}
.through .arrow b {{ display: block; font-size: 1.5rem; font-weight: 400; }}
.through .cells {{ display: grid; grid-template-columns: repeat(12, 1fr); gap: 3px; }}
.through .cells i {{ aspect-ratio: 1; border-radius: 3px;
  border: 1px solid color-mix(in srgb, currentColor 26%, transparent); }}
.through .cells i.held {{ outline: 2px solid {TEST}; outline-offset: -1px; }}
.through .bars {{ display: flex; height: 10rem; opacity: .75; }}
.through .bars i {{ flex: 1 1 0; min-width: 0; }}
.through .note {{ font-size: .82rem; opacity: .76; margin-top: .45rem; line-height: 1.4; }}
@media (max-width: 760px) {{ .through {{ grid-template-columns: minmax(0, 1fr); }}
  .through .arrow b {{ transform: rotate(90deg); }} }}
</style>"""


def row_through_network(
    names: Sequence[str],
    given: Sequence[float | None],
    held: Sequence[float | None],
    code: Sequence[float],
    predicted: Sequence[float],
    caption: str,
    scale: RatingScale,
) -> str:
    """A rating vector going in, its code, and the reconstruction coming out, as HTML.

    Args:
        names: (n,) what each entry is.
        given: (n,) training ratings, None where unknown.
        held: (n,) held-out ratings, None where there is none.
        code: (hidden_units,) counted from each unit's average.
        predicted: (n,) the reconstruction, clipped.
        caption: says which entries are shown.
        scale: the rating scale.
    """

    def cell(name: str, value: float | None, is_held: bool, text: str) -> str:
        paint = "" if value is None else f"background:{rating_colour((value - scale.low) / scale.span)}"
        kind = ' class="held"' if is_held else ""
        return f'<i{kind} style="{paint}" title="{escape(name, quote=True)}: {text}"></i>'

    entries = list(zip(names, given, held, predicted, strict=True))
    before = "".join(cell(n, g, h is not None, "unknown" if g is None else f"gave {g:g}") for n, g, h, _ in entries)
    after = "".join(
        cell(n, p, h is not None, f"predicted {p:.2f}" + ("" if h is None else f", really {h:g}"))
        for n, _, h, p in entries
    )
    most = max(1e-9, *(abs(value) for value in code))
    bars = "".join(_bar(unit, value, value / most) for unit, value in enumerate(code, start=1))
    return (
        f'{_ROW_STYLE}<div class="through"><div><h4>What people gave</h4><div class="cells">{before}</div>'
        f'<div class="note">{escape(caption)} The stronger, the higher; hollow is unknown.</div></div>'
        '<div class="arrow"><b>→</b>encoder</div>'
        f'<div><h4>The code</h4><div class="bars" role="img" aria-label="the code">{bars}</div>'
        f'<div class="note">{len(code)} hidden units are all that is kept; drawn is how far each is from its average.'
        "</div></div>"
        '<div class="arrow"><b>→</b>decoder</div>'
        f'<div><h4>What comes back</h4><div class="cells">{after}</div>'
        '<div class="note">Every hole is filled. Outlined: real ratings that the model was not shown.</div></div></div>'
    )


def _bar(unit: int, value: float, share: float) -> str:
    """One code unit as a bar from the middle: up where it is above its average, down where below."""
    low, high = 50 + 48 * min(share, 0.0), 50 + 48 * max(share, 0.0) + 0.4
    paint = f"linear-gradient(to top, transparent {low:.1f}%, currentColor 0 {high:.1f}%, transparent 0)"
    return f'<i style="background:{paint}" title="unit {unit}: {value:+.3f}"></i>'
