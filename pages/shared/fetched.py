"""The data sets that can be fetched: what each is, how far its download goes, and how to stop it and go on."""

from __future__ import annotations

import shutil

import streamlit as st

from autorec_core import datasets, storage
from autorec_core.datasets import Dataset
from autorec_core.downloads import Downloads, Standing
from pages.shared import explore, frame, plain, state
from pages.shared.words import _, ngettext, sentences


@st.cache_resource(show_spinner=False)
def downloads() -> Downloads:
    """The downloads of this server: they go on whatever page is open."""
    return Downloads()


def shelf() -> None:
    """Draws all data sets, each with its terms and what can be done with it."""
    st.caption(_room())
    for known in datasets.DATASETS.values():
        with st.container(border=True, key=f"set_{known.name}"):
            _row(known)


def _room() -> str:
    place = storage.datasets_folder()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    return _("{free:,.1f} GB are free on the disk of this server.", free=free / 1e9)


def _row(known: Dataset) -> None:
    words, action = st.columns([4, 1.2], vertical_alignment="center")
    is_here, standing = datasets.is_ready(known.name), downloads().standing(known.name)
    with words:
        st.markdown(f"**{known.title}**" + (f" :green-badge[{_('here')}]" if is_here else ""))
        density = 100 * known.num_ratings / (known.num_users * known.num_items)
        st.markdown(
            _(
                "{ratings:,} ratings of {movies:,} movies by {users:,} users, {density:.2f} % known, "
                "{low:g} to {high:g} stars.",
                ratings=known.num_ratings,
                movies=known.num_items,
                users=known.num_users,
                density=density,
                low=known.scale.low,
                high=known.scale.high,
            )
        )
        st.caption(_terms(known))
    with action:
        if is_here:
            if st.button(_("Look at it"), key=f"look_{known.name}", width="stretch"):
                state.put("explore_set", known.name)
                explore.forget_choice()
                st.switch_page(frame.page_path("data"))
        elif standing is not None and standing.is_active:
            st.button(
                _("Stop"),
                key=f"stop_{known.name}",
                on_click=downloads().cancel,
                args=(known.name,),
                disabled=standing.state == "stopping",
                help=_("What has come is kept, and the next download goes on from there."),
                width="stretch",
            )
        else:
            kept = datasets.come_so_far(known.name)
            st.button(
                _("Go on") if kept else _("Download"),
                key=f"fetch_{known.name}",
                on_click=downloads().start,
                args=(known.name,),
                help=_("{size:,.1f} MB from {source}.", size=known.size_mb, source="files.grouplens.org"),
                width="stretch",
            )
            if kept:
                st.caption(_("{kept:,.1f} of {size:,.1f} MB are here.", kept=kept / 1e6, size=known.size_mb))
    _standing(known, standing, is_here=is_here)


def _terms(known: Dataset) -> str:
    if known.bundled:
        about = _("Comes with the app and needs no network.")
    else:
        about = _(
            "Download {size:,.1f} MB, on the disk about {disk:,.0f} MB.",
            size=known.size_mb,
            disk=datasets.bytes_needed(known.name) / 1e6,
        )
        if known.checksum is None:
            about = sentences(
                about, _("The release may change, so it is held against the MD5 that lies beside it, if one does.")
            )
        else:
            about = sentences(about, _("MD5 {checksum}.", checksum=known.checksum))
    return _(
        "{licence} [The terms in full]({source}). {about}", licence=_(known.licence), source=known.source, about=about
    )


def _standing(known: Dataset, standing: Standing | None, *, is_here: bool) -> None:
    if standing is None or is_here:
        return
    if standing.is_active:
        _watch(known.name, known.size_mb)
    elif standing.state == "failed":
        st.warning(plain.lines(_(standing.message)))


@st.fragment(run_every=0.5)
def _watch(name: str, size_mb: float) -> None:
    """The bar of a download that goes on; only it is drawn again, until the download ends."""
    standing = downloads().standing(name)
    if standing is None or not standing.is_active:
        st.rerun()
    st.progress(standing.share, text=progress_text(standing, size_mb))


def progress_text(standing: Standing, size_mb: float) -> str:
    """How far a download is, as a sentence.

    Args:
        standing: of the download.
        size_mb: of the whole, where the server does not tell.
    """
    if standing.state == "checking":
        return _("All {total:,.1f} MB are here: checking and unpacking …", total=standing.total / 1e6)
    total = standing.total / 1e6 or size_mb
    text = _("{come:,.1f} of {total:,.1f} MB", come=standing.come / 1e6, total=total)
    if standing.state == "stopping":
        return text + _(", stopping …")
    if standing.bytes_per_second is None:
        return text
    text += _(", {speed:,.1f} MB a second", speed=standing.bytes_per_second / 1e6)
    left = standing.seconds_left
    if left is None:
        return text
    if left < 90:
        return text + ngettext(", one second left", ", {count} seconds left", max(1, round(left)))
    return text + ngettext(", one minute left", ", {count} minutes left", round(left / 60))
