"""The model in use and its partner, averaged, where the visitor wants that."""

from __future__ import annotations

import streamlit as st

from autorec_core.ensemble import Ensemble
from autorec_core.errors import AutoRecError
from autorec_core.recommender import Recommender
from autorec_core.runs import Run
from pages.shared import services, visit
from pages.shared.words import _

ALONE, BOTH = "alone", "both"


def partner_of(run: Run) -> Run | None:
    """The newest run of the other base that learnt from the same parts of the same ratings, or None."""
    fingerprint = _fingerprint(run)
    if fingerprint is None:
        return None
    for other in visit.own_runs():
        is_other = other.config.hyperparameters.based_on != run.config.hyperparameters.based_on
        if (
            is_other
            and _fingerprint(other) == fingerprint
            and _asked(other) == _asked(run)
            and services.is_usable(other)
        ):
            return other
    return None


def in_use(run: Run) -> tuple[Recommender, str | None]:
    """Draws the choice where there is one; returns what recommends, and what to call it where it is an ensemble."""
    partner = partner_of(run)
    if partner is None:
        return services.recommender(run.id), None
    names = {"items": "I-AutoRec", "users": "U-AutoRec"}
    own = names[run.config.hyperparameters.based_on]
    choices = {ALONE: _("{model} alone", model=own), BOTH: _("Both averaged, an ensemble")}
    chosen = st.segmented_control(
        _("Predicted by"),
        list(choices),
        default=ALONE,
        format_func=choices.__getitem__,
        required=True,
        key="rec_ensemble",
        help=_("An item-based and a user-based model that learnt from the same ratings err in different places."),
        persist_state="session",
    )
    if chosen != BOTH:
        return services.recommender(run.id), None
    pair = (run.id, partner.id) if run.config.hyperparameters.based_on == "items" else (partner.id, run.id)
    try:
        by_items, by_users, together = _errors(*pair)
    except AutoRecError:
        st.caption(_("Its error can't be measured: the ratings that both learnt from are no longer where they were."))
    else:
        st.caption(
            _(
                "Test RMSE on the same ratings: I-AutoRec {by_items:.4f}, U-AutoRec {by_users:.4f}, "
                "averaged {together:.4f}.",
                by_items=by_items,
                by_users=by_users,
                together=together,
            )
        )
    return _ensemble(*pair), _("an ensemble: I-AutoRec and U-AutoRec averaged")


@st.cache_resource(show_spinner=False, max_entries=2)
def _ensemble(by_items: str, by_users: str) -> Ensemble:
    return Ensemble(services.recommender(by_items), services.recommender(by_users))


@st.cache_data(show_spinner=False, max_entries=20)
def _errors(by_items: str, by_users: str) -> tuple[float, float, float]:
    return _ensemble(by_items, by_users).rmse_on(services.split_of(by_items).test)


def _fingerprint(run: Run) -> str | None:
    found: str | None = ((run.result or {}).get("split") or {}).get("fingerprint")
    return found


def _asked(run: Run) -> tuple[object, ...]:
    config = run.config
    return (
        config.source,
        config.seed,
        config.by_time,
        config.test_fraction,
        config.valid_fraction,
        config.holdout_users,
    )
