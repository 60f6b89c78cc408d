"""Recommendations as people read them: rows of words with a bar for the interval, the filters, and a file to keep."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import streamlit as st

from autorec_core import spreadsheets
from autorec_core.catalogue import Catalogue, display_title
from autorec_core.fold_in import FoldIn
from autorec_core.ratings import RatingScale
from autorec_core.recommender import Filter, Reason, Recommendation
from autorec_core.trained_model import TrainedModel
from pages.shared import state
from pages.shared.genres import genre_name
from pages.shared.palette import BASELINE, YOU
from pages.shared.words import _, ngettext, sentences

COUNTS = (10, 20, 50, 100)
NUMBERS_OF_RATINGS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 20_000)
FEWEST = 5
"""Default of the fewest ratings: below it a prediction says little more than the average."""
WIDGETS = ("rec_genres", "rec_without", "rec_years", "rec_ratings", "rec_count")


# -- the filters ------------------------------------------------------------------------------------------------------


def steps_to(most: int) -> list[int]:
    """The stops of the control for the number of ratings: up to and including the most that a movie has.

    >>> steps_to(30)
    [0, 1, 2, 5, 10, 20, 30]
    """
    return [*(step for step in NUMBERS_OF_RATINGS if step < most), most]


def filters(catalogue: Catalogue) -> tuple[Filter, int]:
    """Draws the filters; returns what passes, and how many are wanted."""
    left, right = st.columns(2, gap="medium")

    def genres_of(label: str, key: str, placeholder: str, explained: str) -> list[str]:
        return st.multiselect(
            label,
            catalogue.items.genre_names,
            format_func=genre_name,
            key=key,
            placeholder=placeholder,
            help=explained,
            persist_state="session",
        )

    with left:
        genres = genres_of(_("Genres"), "rec_genres", _("All genres"), _("Movies with any of these genres."))
    with right:
        explained = _("Movies with any of these are left out.")
        without = genres_of(_("Without genres"), "rec_without", _("None left out"), explained)
    first, last = catalogue.year_span
    years = (first, last)
    left, right = st.columns(2, gap="medium")  # a row of their own: on a telephone one stands below the other
    with left:
        if first < last:
            years = st.slider(
                _("Years"),
                first,
                last,
                state.begins("rec_years", years),
                key="rec_years",
                help=_("Years of release, both included; a movie of unknown year is there while all years are."),
                persist_state="session",
            )
    stops = steps_to(max(FEWEST + 1, int(catalogue.counts.max(initial=0))))
    with right:
        fewest, most = st.select_slider(
            _("Number of ratings"),
            stops,
            state.begins("rec_ratings", (FEWEST, stops[-1])),
            format_func=lambda stop: f"{stop:,}",
            key="rec_ratings",
            help=_("How many people's ratings a movie has in training; both ends move, and 0 lets everything in."),
            persist_state="session",
        )
    count = st.segmented_control(
        _("How many"),
        COUNTS,
        default=state.begins("rec_count", 20),
        required=True,
        key="rec_count",
        help=_("Length of the list."),
        persist_state="session",
    )
    wanted = Filter(
        genres=frozenset(genres),
        without=frozenset(without),
        years=years if years != (first, last) else None,
        min_ratings=int(fewest),
        max_ratings=None if most == stops[-1] else int(most),
    )
    return wanted, int(count or COUNTS[0])


def left_out_by_number(model: TrainedModel, wanted: Filter, fold_in: FoldIn) -> int:
    """Unrated movies that pass all filters but the one on the number of ratings."""
    others = Filter(genres=wanted.genres, without=wanted.without, years=wanted.years).matches(model) & ~wanted.matches(
        model
    )
    others[fold_in.item_indices] = False
    return int(np.count_nonzero(others))


def note(num_given: int, num_unknown: int, left_out: int, wanted: Filter, model_name: str) -> str:
    """What the list is made from, and what it leaves out, in a few sentences."""
    told = [
        ngettext(
            "From your {count:,} rating, by {model}.",
            "From your {count:,} ratings, by {model}.",
            num_given,
            model=model_name,
        )
    ]
    if num_unknown:
        told.append(
            ngettext(
                "{count:,} more of yours is of a movie that this model does not know.",
                "{count:,} more of yours are of movies that this model does not know.",
                num_unknown,
            )
        )
    if wanted.genres or wanted.years:
        told.append(_("Only {which}.", which=_(", ").join(_which(wanted))))
    if wanted.without:
        told.append(_("Nothing of {which}.", which=_(" or ").join(sorted(map(genre_name, wanted.without)))))
    if left_out:
        told.append(
            ngettext(
                "{count:,} title is left out for having {bounds} ratings; *Filters and order* lets them in.",
                "{count:,} titles are left out for having {bounds} ratings; *Filters and order* lets them in.",
                left_out,
                bounds=_bounds(wanted.min_ratings, wanted.max_ratings),
            )
        )
    return sentences(*told)


def _which(wanted: Filter) -> list[str]:
    """What the filters let through, but for the number of ratings."""
    which = [_(" or ").join(genre_name(genre) for genre in sorted(wanted.genres))] if wanted.genres else []
    if wanted.years:
        which.append(_("{first} to {last}", first=wanted.years[0], last=wanted.years[1]))
    return which


def _bounds(fewest: int, most: int | None) -> str:
    """Which numbers of ratings are left out."""
    if most is None:
        return _("fewer than {fewest:,}", fewest=fewest)
    if not fewest:
        return _("more than {most:,}", most=most)
    return _("fewer than {fewest:,} or more than {most:,}", fewest=fewest, most=most)


def clear_filters() -> None:
    """Sets all filters back; a button's callback."""
    state.begin_again(*WIDGETS)


# -- the list ---------------------------------------------------------------------------------------------------------

_STYLE = f"""<style>
.rec {{ display: grid; grid-template-columns: 2rem minmax(0, 1fr) minmax(0, 15rem); gap: .2rem 1.4rem;
  padding: .9rem 0; border-top: 1px solid color-mix(in srgb, currentColor 14%, transparent); align-items: start; }}
.rec .place {{ opacity: .7; text-align: right; font-variant-numeric: tabular-nums; padding-top: .1rem; }}
.rec .place small {{ display: block; font-size: .72rem; color: color-mix(in srgb, {YOU} 55%, currentColor); }}
.rec .name {{ font-weight: 650; font-size: 1.08rem; line-height: 1.3; overflow-wrap: anywhere; }}
.rec .name span {{ opacity: .74; font-weight: 400; margin-left: .15rem; }}
.rec .genres {{ display: flex; flex-wrap: wrap; gap: .1rem .7rem; font-size: .85rem; opacity: .9;
  margin: .1rem 0 .35rem; }}
.rec .name span, .rec .genres span, .rec .why span {{ unicode-bidi: isolate; }}
.rec .genres span {{ min-width: 0; overflow-wrap: anywhere; }}
.rec .genres i {{ display: inline-block; width: .55rem; height: .55rem; border-radius: 50%; margin-right: .3rem; }}
.rec .why {{ font-size: .88rem; line-height: 1.5; display: grid; grid-template-columns: auto minmax(0, 1fr);
  gap: 0 .55rem; }}
.rec .why b {{ font-variant-numeric: tabular-nums; font-weight: 650; text-align: right; white-space: nowrap; }}
.rec .why span {{ opacity: .86; overflow-wrap: anywhere; }}
.rec .why em {{ font-style: normal; color: color-mix(in srgb, {YOU} 55%, currentColor); white-space: nowrap; }}
.rec .score {{ font-variant-numeric: tabular-nums; line-height: 1.2; font-size: .88rem; }}
.rec .score b {{ font-size: 1.35rem; font-weight: 700; margin-right: .35rem; }}
.rec .facts {{ font-size: .82rem; opacity: .78; font-variant-numeric: tabular-nums; }}
.rec-scale {{ position: relative; height: 1.35rem; margin: .3rem 0 .2rem; }}
.rec-scale i {{ position: absolute; display: block; }}
.rec-scale .line {{ left: 0; right: 0; top: 50%; height: 2px; margin-top: -1px; border-radius: 1px;
  background: color-mix(in srgb, currentColor 20%, transparent); }}
.rec-scale .range {{ top: 50%; height: .55rem; margin-top: -.275rem; border-radius: .275rem; opacity: .42;
  background: {YOU}; }}
.rec-scale .dot {{ top: 50%; width: .8rem; height: .8rem; margin: -.4rem 0 0 -.4rem; border-radius: 50%;
  background: {YOU}; }}
.rec-scale .mean {{ top: .05rem; bottom: .05rem; width: 3px; margin-left: -1.5px; border-radius: 1px;
  background: {BASELINE}; }}
.rec-key {{ display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; font-size: .85rem; margin: .3rem 0 .6rem; }}
.rec-key div {{ display: flex; align-items: center; gap: .45rem; }}
.rec-key .rec-scale {{ flex: none; width: 2.2rem; margin: 0; }}
@media (max-width: 640px) {{ .rec {{ grid-template-columns: 1.4rem minmax(0, 1fr); gap: .2rem .8rem; }}
  .rec .right {{ grid-column: 2; margin-top: .4rem; }} }}
</style>"""


def key() -> str:
    """What the marks of the list mean, with the style that it needs, as HTML."""
    marks = (
        ('<i class="dot" style="left:50%"></i>', _("predicted for you")),
        (
            '<i class="range" style="left:5%;width:90%"></i>',
            _("where your own rating would fall: 80 % of such ratings do, on average"),
        ),
        (
            '<i class="mean" style="left:50%"></i>',
            _(
                "what everybody gives it: the mean of the ratings trained on, nearer to that of all movies where few "
                "did"
            ),
        ),
    )
    lines = "".join(
        f'<div><span class="rec-scale"><i class="line"></i>{mark}</span>{escape(told)}</div>' for mark, told in marks
    )
    return f'{_STYLE}<div class="rec-key">{lines}</div>'


def listing(found: Sequence[Recommendation], scale: RatingScale, moved: Mapping[int, str] | None = None) -> str:
    """Recommendations as an ordered list in HTML. Every text of the data is escaped.

    Args:
        found: best first.
        scale: the rating scale, which the bars span.
        moved: item index -> how it stands to where it was, for those that moved.
    """
    moves = moved or {}
    rows = (_row(place, one, scale, moves.get(one.item_index, "")) for place, one in enumerate(found, start=1))
    return f'<div role="list">{"".join(rows)}</div>'


def _row(place: int, one: Recommendation, scale: RatingScale, move: str) -> str:
    year = f" <span>{one.year}</span>" if one.year else ""
    genres = "".join(
        f'<span><i style="background:hsl({hue_of(genre)} 55% 52%)"></i>{escape(genre_name(genre))}</span>'
        for genre in one.genres
    )
    low, high = one.interval
    facts = ngettext(
        "everybody {mean:.2f}, {count:,} person",
        "everybody {mean:.2f}, {count:,} people",
        one.num_ratings,
        mean=one.mean_rating,
    )
    bounds = _("{low:.1f} to {high:.1f}", low=low, high=high)
    why = f'<div class="why">{"".join(map(_reason, one.because))}</div>' if one.because else ""
    mark = f"<small>{escape(move)}</small>" if move else ""
    return (
        f'<div class="rec" role="listitem"><div class="place">{place}{mark}</div><div class="left">'
        f'<div class="name">{escape(display_title(one.title))}{year}</div><div class="genres">{genres}</div>{why}</div>'
        f'<div class="right"><div class="score"><b>{one.predicted_rating:.2f}</b>{bounds}</div>'
        f"{interval_bar(one.predicted_rating, one.interval, one.mean_rating, scale)}"
        f'<div class="facts">{escape(facts)}</div></div></div>'
    )


def _reason(reason: Reason) -> str:
    said = _(
        "because you gave {title} {stars}",
        title=escape(display_title(reason.title)),
        stars=f"<em>{reason.rating:g}&nbsp;★</em>",
    )
    return f"<b>{signed(reason.effect)}</b><span>{said}</span>"


def signed(number: float) -> str:
    """A number with its sign, as people write it.

    >>> signed(0.123), signed(-0.5), signed(0.001)
    ('+0.12', '−0.50', '±0.00')
    """
    text = f"{abs(number):.2f}"
    return f"±{text}" if float(text) == 0 else f"{'+' if number > 0 else '−'}{text}"


def hue_of(genre: str) -> int:
    """The hue of a genre, in degrees: the same as on the cards of the Rate page.

    >>> hue_of("Drama") == hue_of("Drama"), 0 <= hue_of("Sci-Fi") < 360
    (True, True)
    """
    hue = 7
    for letter in genre:
        hue = (hue * 31 + ord(letter)) % 360
    return hue


def interval_bar(predicted: float, interval: tuple[float, float], mean: float, scale: RatingScale) -> str:
    """A prediction with its interval on the rating scale, and everybody's mean as a tick, as HTML."""

    def share(rating: float) -> float:
        return 100 * min(1.0, max(0.0, (rating - scale.low) / scale.span))

    low, high = interval
    words = escape(
        _(
            "On the scale from {scale}: predicted {predicted:.2f}, likely {low:.1f} to {high:.1f}, mean {mean:.2f}",
            scale=_(scale.sentence),
            predicted=predicted,
            low=low,
            high=high,
            mean=mean,
        ),
        quote=True,
    )
    return (
        f'<div class="rec-scale" role="img" aria-label="{words}" title="{words}"><i class="line"></i>'
        f'<i class="range" style="left:{share(low):.1f}%;width:{share(high) - share(low):.1f}%"></i>'
        f'<i class="mean" style="left:{share(mean):.1f}%"></i>'
        f'<i class="dot" style="left:{share(predicted):.1f}%"></i></div>'
    )


# -- the file ---------------------------------------------------------------------------------------------------------

COLUMNS = (
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
)


def as_csv(found: Sequence[Recommendation]) -> str:
    """Recommendations as CSV; a text that a spreadsheet would run as a formula is quoted so that it does not."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found:
        because = "; ".join(f"{reason.title} {reason.rating:g} ({reason.effect:+.4f})" for reason in one.because)
        numbers = [f"{value:.4f}" for value in (one.predicted_rating, *one.interval, one.mean_rating)]
        texts = [_cell(text) for text in (str(one.item_id), one.title)]
        genres = _cell("|".join(one.genres))
        writer.writerow([*texts, one.year or "", genres, *numbers, one.num_ratings, _cell(because)])
    return lines.getvalue()


def _cell(text: str) -> str:
    return spreadsheets.as_text(re.sub(r"[\x00-\x1f\x7f]+", " ", text))  # a cell is one line
