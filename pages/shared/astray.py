"""All of the test set at once on the Reconstruction page: where the model errs, and whether its lists are any good."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from autorec_core import list_quality, residuals
from autorec_core.list_quality import ListReport
from autorec_core.ratings import IntArray
from autorec_core.residuals import Miss, Scored
from autorec_core.runs import Run
from autorec_core.trained_model import TrainedModel
from pages.shared import figures, frame, residual_charts, rows, services
from pages.shared.genres import genre_name
from pages.shared.palette import ink
from pages.shared.words import _, later, ngettext, sentences

ERRS, CALIBRATION, WORST, LISTS = (
    later("Where it errs"),
    later("Calibration"),
    later("The ten worst"),
    later("As lists"),
)
VIEWS = (ERRS, CALIBRATION, WORST, LISTS)
BY_MOVIE, BY_USER, BY_GENRE, BY_RATING = (
    later("Movie popularity"),
    later("User activity"),
    later("Genre"),
    later("Rating given"),
)
GROUPINGS = (BY_MOVIE, BY_USER, BY_GENRE, BY_RATING)
MEASURES = {
    "ndcg": later("NDCG"),
    "recall": later("Recall"),
    "coverage": later("Coverage"),
    "novelty": later("Novelty"),
}


def scored(run_id: str) -> Scored:
    """The test ratings of a run with what its model predicts; once a run."""
    with st.spinner(_("Predicting the test ratings …")):
        return _scored(run_id)


@st.cache_resource(show_spinner=False, max_entries=4)
def _scored(run_id: str) -> Scored:
    return residuals.score(services.recommender(run_id).model, services.split_of(run_id).test)


def lists_of(run_id: str) -> ListReport:
    """The lists of a run's model, of averages and of popularity; once a run."""
    with st.spinner(_("Ranking all movies for every user of the test set …")):
        return _lists_of(run_id)


@st.cache_resource(show_spinner=False, max_entries=4)
def _lists_of(run_id: str) -> ListReport:
    return list_quality.measure(services.recommender(run_id).model, services.split_of(run_id))


def draw(run: Run, model: TrainedModel) -> None:
    """Draws one of the views of the test set."""
    if not services.split_of(run.id).test.num_ratings:
        st.info(_("This model was trained with no test ratings, so nothing says how far it errs. Train one that has."))
        frame.go_button(_("Train a model"), "train")
        return
    view = st.segmented_control(
        _("What to look at"),
        list(VIEWS),
        format_func=_,
        default=VIEWS[0],
        required=True,
        key="astray_view",
        help=_("All of it is measured on test ratings, which neither trained the model nor chose anything of it."),
        persist_state="session",
    )
    if view == LISTS:
        _lists(run)
        return
    found = scored(run.id)
    if view == CALIBRATION:
        _calibration(found)
    elif view == WORST:
        _worst(run, model, found)
    else:
        _groups(model, found)


def _groups(model: TrainedModel, found: Scored) -> None:
    by = st.segmented_control(
        _("Test ratings by"),
        list(GROUPINGS),
        format_func=_,
        default=GROUPINGS[0],
        required=True,
        key="astray_by",
        help=_("Each test rating falls into the group of its movie, its user, its genres or its own value."),
        persist_state="session",
    )
    words = ink(st.context.theme.type)
    if by == BY_RATING:
        table = residual_charts.group_table(residuals.by_rating(found))
        figures.draw(
            residual_charts.mean_errors(table),
            table,
            "errors_by_rating",
            see=_(
                "Low ratings are predicted too high and high ones too low: a squared error is smallest near the "
                "middle, so a model that is unsure stays there."
            )
            if _leans_to_the_middle(table)
            else _("A bar above 0 says that ratings of this height are predicted too high, one below that too low."),
        )
        return
    if by == BY_GENRE:
        table = residual_charts.group_table(residuals.by_genre(found, model.items))
        best, worst = _ends(table)
        figures.draw(
            residual_charts.groups(table, _("genre"), words),
            table,
            "errors_by_genre",
            see=_(
                "Of genres with a hundred test ratings or more, {best} is predicted best and {worst} worst; where an "
                "interval is long, few ratings speak (their number stands at the right).",
                best=genre_name(best),
                worst=genre_name(worst),
            ),
        )
        return
    by_movie = by == BY_MOVIE
    table = residual_charts.group_table(residuals.by_count(found, found.item_counts if by_movie else found.user_counts))
    title = _("training ratings of the movie") if by_movie else _("training ratings of the user")
    figures.draw(
        residual_charts.groups(table, title, words, is_wide=True),
        table,
        "errors_by_popularity" if by_movie else "errors_by_activity",
        see=_tail(model, found, by_movie=by_movie),
    )
    st.caption(
        _(
            "The bars are 95 % intervals, the ratings taken as independent; the numbers at the bottom count test "
            "ratings. With no training rating at all, averages stand in for the model, so the two agree."
        )
    )


def _leans_to_the_middle(table: pd.DataFrame) -> bool:
    known = table.loc[table["test_ratings"] > 0, "mean_error"].tolist()
    return len(known) > 1 and known[0] > 0 > known[-1]


def _ends(table: pd.DataFrame) -> tuple[str, str]:
    """The groups that are predicted best and worst, of those with enough ratings to say so."""
    known = table[table["test_ratings"] >= 100]
    known = table if known.empty else known
    ordered = known.sort_values("rmse")["group"].tolist()
    return ordered[0], ordered[-1]


def _tail(model: TrainedModel, found: Scored, *, by_movie: bool) -> str:
    """The long tail in a sentence with its numbers."""
    counts, all_counts = (found.item_counts, model.item_counts) if by_movie else (found.user_counts, model.user_counts)
    limit = 7 if by_movie else 31
    few, many = residuals.group(found, "", counts <= limit), residuals.group(found, "", counts > limit)
    share = float((all_counts <= limit).mean())
    if not 0 < few.share < 0.5:
        return _("The further to the right, the more ratings stood behind a prediction; lower is better.")
    if by_movie:
        return _(
            "{share:.0%} of the movies have at most {limit} training ratings, and only {few:.0%} of the test ratings "
            "are of them; there the model misses by {tail:.3f} (averages {tail_averages:.3f}), elsewhere by "
            "{head:.3f} (averages {head_averages:.3f}): one RMSE speaks mostly of what is popular.",
            share=share,
            limit=limit,
            few=few.share,
            tail=few.rmse,
            tail_averages=few.averages_rmse,
            head=many.rmse,
            head_averages=many.averages_rmse,
        )
    return _(
        "{share:.0%} of the users have at most {limit} training ratings and give {few:.0%} of the test ratings; the "
        "model misses theirs by {tail:.3f} (averages {tail_averages:.3f}), those of the others by {head:.3f} "
        "(averages {head_averages:.3f}).",
        share=share,
        limit=limit,
        few=few.share,
        tail=few.rmse,
        tail_averages=few.averages_rmse,
        head=many.rmse,
        head_averages=many.averages_rmse,
    )


def _calibration(found: Scored) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(_("Does 4 mean 4?"), anchor=False)
        slope, table = residuals.slope(found), residual_charts.calibration_table(residuals.calibration(found))
        figures.draw(
            residual_charts.calibration(table, found.scale),
            table,
            "calibration",
            see=_(
                "Where it predicts 4, people gave about 4 if the point is on the dashed line; one unit more predicted "
                "is worth {slope:.2f} units given.",
                slope=slope,
            ),
        )
    with right:
        st.subheader(_("Which rating for which"), anchor=False)
        levels, counts = residuals.confusion(found)
        exact, near = _hits(counts)
        table = residual_charts.confusion_table(levels, counts)
        figures.draw(
            residual_charts.confusion(table, st.context.theme.type),
            table,
            "confusion",
            see=_(
                "Rounded to a rating that can be given, {exact:.0%} of the predictions are exactly right (outlined) "
                "and {near:.0%} at most one step off; a row's colours add up to all of that rating.",
                exact=exact,
                near=near,
            ),
        )


def _hits(counts: IntArray) -> tuple[float, float]:
    """Shares of predictions that are right, and at most one level off."""
    total = max(1, int(counts.sum()))
    exact = int(counts.trace())
    return exact / total, (exact + int(counts.trace(1)) + int(counts.trace(-1))) / total


# -- the ten worst ----------------------------------------------------------------------------------------------------


def _worst(run: Run, model: TrainedModel, found: Scored) -> None:
    misses = residuals.worst(found, model)
    catalogue = services.catalogue_of(run.id)
    table = pd.DataFrame(
        [
            {
                "movie": rows.movie_name(catalogue, miss.item),
                "user": str(model.user_ids[miss.user]),
                "given": miss.given,
                "predicted": miss.predicted,
                "averages": miss.averages,
                "movie_ratings": miss.item_count,
                "user_ratings": miss.user_count,
                "why": why(miss),
            }
            for miss in misses
        ]
    )
    lonely = sum(miss.item_count <= residuals.THIN for miss in misses)
    unusual = sum("unusual" in miss.causes for miss in misses)
    shared = sum(abs(miss.averages - miss.given) >= 0.8 * abs(miss.predicted - miss.given) for miss in misses)
    shown = table.assign(what=table["movie"] + " · " + _("user") + " " + table["user"])
    figures.draw(
        residual_charts.worst(shown, found.scale, ink(st.context.theme.type)),
        table,
        "worst_ten",
        see=_(
            "Of the ten test ratings that the model misses most, {unusual} are far from what others give the movie, "
            "{lonely} are of movies with five training ratings or fewer, and {shared} are missed nearly as widely by "
            "averages.",
            unusual=unusual,
            lonely=lonely,
            shared=shared,
        ),
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        height=38 + 35 * len(table),
        column_order=[
            "movie",
            "why",
            "movie_ratings",
            "user_ratings",
            "given",
            "predicted",
            "averages",
            "user",
        ],
        column_config={
            "movie": st.column_config.TextColumn(_("Movie"), width="medium"),
            "user": st.column_config.TextColumn(_("User")),
            "given": number(_("Given"), format="%.1f"),
            "predicted": number(_("Predicted"), format="%.2f"),
            "averages": number(_("Averages"), format="%.2f", help=_("What user and movie averages predict.")),
            "movie_ratings": number(_("Behind the movie"), help=_("Training ratings of the movie.")),
            "user_ratings": number(_("Behind the user"), help=_("Training ratings of the user.")),
            "why": st.column_config.TextColumn(_("Why"), width="large"),
        },
        key="worst_table",
    )


def why(miss: Miss) -> str:
    """What can be said of the cause of a miss, in words."""
    said = {
        "unseen": _("The model never saw this movie or user; averages stood in."),
        "few_of_movie": ngettext(
            "{count} rating stood behind the movie.", "{count} ratings stood behind the movie.", miss.item_count
        ),
        "few_of_user": ngettext(
            "{count} rating stood behind the user.", "{count} ratings stood behind the user.", miss.user_count
        ),
        "unusual": _("Others give this movie {mean:.1f} on average.", mean=miss.item_mean),
        "unlike_user": _("This person's other ratings lean the other way."),
        "bold": _("The model was bolder than averages, and wrong."),
    }
    return sentences(*(said[cause] for cause in miss.causes)) or _("Nothing known points to it: people surprise.")


# -- lists ------------------------------------------------------------------------------------------------------------


def _lists(run: Run) -> None:
    report = lists_of(run.id)
    if not report.num_users:
        st.info(_("No test rating is high enough to make a movie relevant, so lists can't be judged here."))
        return
    table = residual_charts.list_table(report)
    longest = int(table["k"].max())
    left, right = st.columns([1, 1], gap="large", vertical_alignment="bottom")
    measure = left.segmented_control(
        _("Measure"),
        list(MEASURES),
        format_func=lambda name: _(MEASURES[name]),
        default="ndcg",
        required=True,
        key="lists_measure",
        help=_("Two say whether what people liked is in the list, two what kind of list it is."),
        persist_state="session",
    )
    length = right.slider(
        _("Length of the list, k"), 1, longest, min(10, longest), key="lists_length", persist_state="session",
        help=_("The first k of all movies that the user has not rated for training or validation."),
    )  # fmt: skip
    measure = measure or "ndcg"
    own, popular, averages = (report.at(way, length) for way in ("autorec", "popularity", "averages"))
    titles = {
        "ndcg": _("NDCG at k"),
        "recall": _("recall at k"),
        "coverage": _("share of all movies listed"),
        "novelty": _("surprise of a listed movie, bits"),
    }
    values = [getattr(one, measure) for one in (own, popular, averages)]
    form = {"coverage": ".1%", "novelty": ".2f"}.get(measure, ".4f")
    own_text, popular_text, averages_text = (format(value, form) for value in values)
    if measure in ("ndcg", "recall"):
        see = (
            _(
                "At k = {k} simply listing the most popular movies finds more of what people went on to like "
                "({popular}) than this model does ({own}), for all its better RMSE: guessing the rating is not "
                "guessing what will be watched.",
                k=length,
                popular=popular_text,
                own=own_text,
            )
            if values[1] > values[0]
            else _(
                "At k = {k} this model finds more of what people went on to like ({own}) than a list of the most "
                "popular movies ({popular}) or of the best rated ones ({averages}).",
                k=length,
                own=own_text,
                popular=popular_text,
                averages=averages_text,
            )
        )
    elif measure == "coverage":
        see = _(
            "At k = {k} the lists of all users together name {own} of the movies, where popularity shows everybody "
            "nearly the same {popular} and averages {averages}.",
            k=length,
            own=own_text,
            popular=popular_text,
            averages=averages_text,
        )
    else:
        see = _(
            "A listed movie surprises by {own} bits at k = {k}, by {popular} where popularity lists it: each bit more "
            "is half as many people who have seen it.",
            k=length,
            own=own_text,
            popular=popular_text,
        )
    figures.draw(residual_charts.lists(table, measure, titles[measure], length), table, "lists_by_length", see=see)
    rounded = pd.DataFrame(
        [
            {"way": _(residual_charts.WAYS[one.way]), **{name: getattr(one, name) for name in MEASURES}}
            for one in (own, averages, popular)
        ]
    )
    number = st.column_config.NumberColumn
    st.dataframe(
        rounded,
        hide_index=True,
        column_config={
            "way": st.column_config.TextColumn(_("Lists of"), width="medium"),
            "ndcg": number(_("NDCG"), format="%.4f", help=_("How high in the list the liked movies stand; 1 is best.")),
            "recall": number(_("Recall"), format="%.4f", help=_("Share of the liked movies that is in the list.")),
            "coverage": number(_("Coverage"), format="percent", help=_("Share of all movies in anybody's list.")),
            "novelty": number(_("Novelty, bits"), format="%.2f", help=_("-log2 of the share of users who rated it.")),
        },
        key="lists_table",
    )
    st.caption(
        _(
            "Relevant is a test rating of {threshold:g} or more; {users:,} users have one. A movie that nobody rated "
            "in the test set counts as not relevant, liked or not, which favours what is popular.",
            threshold=report.relevant_from,
            users=report.num_users,
        )
    )
