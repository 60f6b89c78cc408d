"""Movies as typography: lists of recommendations, and the picture of a row going through the network."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from html import escape

from autorec_core.catalogue import display_title
from autorec_core.ratings import RatingScale
from autorec_core.recommender import Recommendation
from pages.shared.palette import BASELINE, TEST, YOU, rating_colour

_STYLE = """<style>
.rec { display: grid; grid-template-columns: 2rem minmax(0, 1.5fr) minmax(0, 1fr); gap: .2rem 1rem; padding: .8rem 0;
  border-top: 1px solid color-mix(in srgb, currentColor 14%, transparent); align-items: start; }
.rec .place { opacity: .6; text-align: right; font-variant-numeric: tabular-nums; padding-top: .1rem; }
.rec .name { font-weight: 650; font-size: 1.05rem; line-height: 1.3; overflow-wrap: anywhere; }
.rec .year, .rec .genres, .rec .facts { opacity: .74; font-weight: 400; }
.rec .genres, .rec .facts, .rec .because { font-size: .85rem; line-height: 1.45; }
.rec .score { font-size: 1.25rem; font-weight: 700; font-variant-numeric: tabular-nums; line-height: 1.2; }
.rec .score small { font-size: .85rem; font-weight: 400; opacity: .74; }
.rec svg { display: block; width: 100%; height: 1.1rem; margin: .15rem 0; }
.rec b { font-variant-numeric: tabular-nums; font-weight: 650; }
@media (max-width: 640px) { .rec { grid-template-columns: 1.5rem minmax(0, 1fr); } .rec .right { grid-column: 2; } }
</style>"""


def recommendation_list(found: Sequence[Recommendation], scale: RatingScale) -> str:
    """Recommendations as HTML: prediction, interval on the rating scale, and the reasons. All text is escaped."""
    return _STYLE + "".join(_recommendation(place, one, scale) for place, one in enumerate(found, start=1))


def _recommendation(place: int, one: Recommendation, scale: RatingScale) -> str:
    year = f' <span class="year">{one.year}</span>' if one.year else ""
    reasons = ", ".join(
        f"{escape(display_title(reason.title))} {reason.rating:g} <b>({reason.effect:+.2f})</b>"
        for reason in one.because
    )
    low, high = one.interval
    ratings = "rating" if one.num_ratings == 1 else "ratings"
    return (
        f'<div class="rec"><div class="place">{place}</div><div>'
        f'<div class="name">{escape(display_title(one.title))}{year}</div>'
        f'<div class="genres">{escape(" · ".join(one.genres))}</div>'
        + (f'<div class="because">Because you gave {reasons}</div>' if reasons else "")
        + '</div><div class="right">'
        f'<div class="score">{one.predicted_rating:.2f} <small>{low:.1f} to {high:.1f}</small></div>'
        + interval_bar(one.predicted_rating, one.interval, one.mean_rating, scale)
        + f'<div class="facts">Everybody: {one.mean_rating:.2f} from {one.num_ratings:,} {ratings}</div></div></div>'
    )


def interval_bar(predicted: float, interval: tuple[float, float], mean: float, scale: RatingScale) -> str:
    """A prediction with its interval on the rating scale, and everybody's mean as a tick, as SVG."""

    def x(rating: float) -> float:
        return 2 + 196 * (rating - scale.low) / scale.span

    low, high = interval
    label = f"predicted {predicted:.2f}, interval {low:.1f} to {high:.1f}, everybody {mean:.2f}"
    return (
        f'<svg viewBox="0 0 200 16" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f'<line x1="2" x2="198" y1="8" y2="8" stroke="currentColor" stroke-opacity=".22" stroke-width="2"/>'
        f'<rect x="{x(low):.1f}" y="4" width="{x(high) - x(low):.1f}" height="8" rx="3" fill="{YOU}" opacity=".4"/>'
        f'<rect x="{x(mean) - 0.8:.1f}" y="1" width="1.6" height="14" fill="{BASELINE}"/>'
        f'<rect x="{x(predicted) - 1.5:.1f}" y="1" width="3" height="14" rx="1" fill="{YOU}"/></svg>'
    )


def recommendations_csv(found: Sequence[Recommendation]) -> str:
    """Recommendations as CSV; a text that a spreadsheet would run as a formula is quoted so that it does not."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(
        [
            "item_id",
            "title",
            "year",
            "genres",
            "predicted_rating",
            "low",
            "high",
            "mean_rating",
            "num_ratings",
            "because",
        ]
    )
    for one in found:
        because = "; ".join(f"{reason.title} {reason.rating:g} ({reason.effect:+.2f})" for reason in one.because)
        low, high = one.interval
        numbers = [f"{value:.4f}" for value in (one.predicted_rating, low, high, one.mean_rating)]
        texts = [_harmless(text) for text in (str(one.item_id), one.title)]
        writer.writerow(
            [*texts, one.year or "", _harmless("|".join(one.genres)), *numbers, one.num_ratings, _harmless(because)]
        )
    return lines.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


_ROW_STYLE = f"""<style>
.through {{ display: grid; grid-template-columns: minmax(0, 1fr) auto minmax(0, .72fr) auto minmax(0, 1fr); gap: .5rem;
  align-items: start; }}
.through h4 {{ margin: 0 0 .5rem; font-size: .95rem; font-weight: 650; padding: 0; }}
.through .arrow {{ align-self: center; text-align: center; opacity: .6; font-size: .78rem; line-height: 1.35; padding: 0 .2rem; }}
.through .arrow b {{ display: block; font-size: 1.5rem; font-weight: 400; }}
.through .cells {{ display: grid; grid-template-columns: repeat(12, 1fr); gap: 3px; }}
.through .cells i {{ aspect-ratio: 1; border-radius: 3px;
  border: 1px solid color-mix(in srgb, currentColor 26%, transparent); }}
.through .cells i.held {{ outline: 2px solid {TEST}; outline-offset: -1px; }}
.through .bars {{ display: block; width: 100%; height: 10rem; fill: currentColor; opacity: .68; }}
.through .note {{ font-size: .82rem; opacity: .76; margin-top: .45rem; line-height: 1.4; }}
@media (max-width: 760px) {{ .through {{ grid-template-columns: minmax(0, 1fr); }}
  .through .arrow b {{ transform: rotate(90deg); }} .through .bars {{ height: 5rem; }} }}
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
        code: (hidden_units,) counted from rest.
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
    bars = "".join(
        f'<rect x="{unit}" width=".7" y="{50 - 48 * max(value, 0) / most:.1f}" height="{max(0.6, 48 * abs(value) / most):.1f}">'
        f"<title>unit {unit + 1}: {value:+.3f}</title></rect>"
        for unit, value in enumerate(code)
    )
    return (
        f'{_ROW_STYLE}<div class="through"><div><h4>What people gave</h4><div class="cells">{before}</div>'
        f'<div class="note">{escape(caption)} The stronger, the higher; hollow is unknown.</div></div>'
        '<div class="arrow"><b>→</b>encoder</div>'
        f'<div><h4>The code</h4><svg class="bars" viewBox="0 0 {len(code)} 100" preserveAspectRatio="none" '
        f'role="img" aria-label="the code">{bars}</svg>'
        f'<div class="note">{len(code)} hidden units: all that is kept.</div></div>'
        '<div class="arrow"><b>→</b>decoder</div>'
        f'<div><h4>What comes back</h4><div class="cells">{after}</div>'
        '<div class="note">Every hole is filled. Outlined: real ratings that the model was not shown.</div></div></div>'
    )
