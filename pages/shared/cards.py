"""The picture of one row of ratings going through the network, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from autorec_core.ratings import RatingScale
from pages.shared.palette import TEST, rating_colour
from pages.shared.words import _, ngettext, sentences

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
        told = escape(_("{name}: {value}", name=name, value=text), quote=True)
        return f'<i{kind} style="{paint}" title="{told}"></i>'

    entries = list(zip(names, given, held, predicted, strict=True))
    before = "".join(
        cell(n, g, h is not None, _("unknown") if g is None else _("gave {rating:g}", rating=g))
        for n, g, h, _p in entries
    )
    after = "".join(
        cell(
            n,
            p,
            h is not None,
            _("predicted {predicted:.2f}", predicted=p)
            if h is None
            else _("predicted {predicted:.2f}, really {rating:g}", predicted=p, rating=h),
        )
        for n, _g, h, p in entries
    )
    most = max(1e-9, *(abs(value) for value in code))
    bars = "".join(_bar(unit, value, value / most) for unit, value in enumerate(code, start=1))
    in_note = sentences(caption, _("The stronger, the higher; hollow is unknown."))
    code_note = ngettext(
        "{count} hidden unit is all that is kept; drawn is how far each is from its average.",
        "{count} hidden units are all that is kept; drawn is how far each is from its average.",
        len(code),
    )
    out_note = _("Every hole is filled. Outlined: real ratings that the model was not shown.")
    return (
        f'{_ROW_STYLE}<div class="through"><div><h4>{_("What people gave")}</h4><div class="cells">{before}</div>'
        f'<div class="note">{escape(in_note)}</div></div>'
        f'<div class="arrow"><b>→</b>{_("encoder")}</div>'
        f'<div><h4>{_("The code")}</h4><div class="bars" role="img" aria-label="{_("the code")}">{bars}</div>'
        f'<div class="note">{escape(code_note)}</div></div>'
        f'<div class="arrow"><b>→</b>{_("decoder")}</div>'
        f'<div><h4>{_("What comes back")}</h4><div class="cells">{after}</div>'
        f'<div class="note">{escape(out_note)}</div></div></div>'
    )


def _bar(unit: int, value: float, share: float) -> str:
    """One code unit as a bar from the middle: up where it is above its average, down where below."""
    low, high = 50 + 48 * min(share, 0.0), 50 + 48 * max(share, 0.0) + 0.4
    told = _("unit {unit}: {value:+.3f}", unit=unit, value=value)
    paint = f"linear-gradient(0deg, transparent {low:.1f}%, currentColor 0 {high:.1f}%, transparent 0)"
    return f'<i style="background:{paint}" title="{told}"></i>'
