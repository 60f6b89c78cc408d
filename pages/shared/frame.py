"""What is around every page: the router, the sidebar, and the one place where a visitor's error becomes a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from autorec_core.errors import AutoRecError
from autorec_core.runs import Run
from pages.shared import brand, plain, services, starter, state, visit, words
from pages.shared.words import _, later, ngettext, one_language

_FOLDER = Path(__file__).resolve().parent.parent
_ICON = str(Path(__file__).resolve().parent / "icon.png")

MENU = {
    "": {"home": later("Home"), "learn": later("Learn")},
    later("Train"): {"train": later("Train"), "compare": later("Compare"), "search": later("Search")},
    later("You"): {
        "rate": later("Rate"),
        "history": later("Bring your history"),
        "recommendations": later("Recommendations"),
        "neighbours": later("Neighbours"),
        "privacy": later("Privacy"),
    },
    later("See inside"): {
        "reconstruction": later("Reconstruction"),
        "map": later("Map"),
        "units": later("Code units"),
    },
    later("Data"): {
        "data": later("Data"),
        "datasets": later("Get more data"),
        "upload": later("Own ratings"),
    },
}
"""Section of the menu -> name of the script -> title."""
PAGES = {name: title for section in MENU.values() for name, title in section.items()}
"""Name of the script -> title."""

# A caption is muted by its colour and not by opacity, which would fade its links as well. Words on the main colour,
# white by Streamlit's choice, could not be read in the dark theme, where that colour is light until the pointer darkens
# it; nor could the chosen one of a row of choices under the mouse, whose ground darkens. On a telephone the parts of a
# segmented control are pills that find room on the next line: in one piece it was cut off, or broke in two. A formula's
# letters reach over its box, which then scrolled by two pixels, and could not be reached by the keyboard.
STYLE = """<style>
.stMainBlockContainer { padding-top: 3.2rem; max-width: 1180px; }
[data-testid="stMetricValue"], .autorec-number { font-variant-numeric: tabular-nums; }
.autorec-muted { opacity: .72; font-size: .9rem; }
[data-testid="stCaptionContainer"] { opacity: 1; color: color-mix(in srgb, currentColor 76%, transparent); }
[data-testid^="stBaseButton-primary"], [data-tag] { color: light-dark(#fff, #12131c); }
[data-testid^="stBaseButton-primary"]:is(:hover, :active):not(:disabled) { color: #fff; }
[data-testid^="stBaseButton-primary"] *, [data-tag] * { color: inherit; }
[data-testid="stButtonGroup"] button[data-selected]:hover { color: light-dark(#3f4bc4, #9aa3ff) !important; }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"] p { text-decoration: underline; text-underline-offset: .22em;
  text-decoration-thickness: 1px; }
[data-testid="stMain"] [data-testid="stPageLink-NavLink"][disabled] p { text-decoration: none;
  color: color-mix(in srgb, light-dark(#14161f, #eceef8) 76%, transparent); }
[data-testid="stMain"] .katex-display { padding: .5rem .3rem; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
  [data-testid="stButtonGroup"] > [role] { flex-wrap: wrap; gap: .3rem; max-width: 100%; overflow: visible; }
  [data-testid="stButtonGroup"] button[data-variant="segmented_control"] { border-radius: 99rem; margin-right: 0;
    max-width: 100%; }
  [data-testid="stButtonGroup"] button[data-variant="segmented_control"]:not([data-selected]) {
    border-color: color-mix(in srgb, currentColor 16%, transparent) !important; }
}
</style>"""


def page_path(name: str) -> str:
    """The script of a page, for links."""
    return str(_FOLDER / f"{name}.py")


def route() -> None:
    """Runs the page that the browser asks for."""
    state.mark_routed(True)
    try:
        menu = {
            _(section) if section else "": [
                st.Page(page_path(name), title=_(title), default=name == "home", url_path=name)
                for name, title in pages.items()
            ]
            for section, pages in MENU.items()
        }
        # Folded, it would hide what is inside a model, behind words of Streamlit's that are always English.
        st.navigation(menu, expanded=True).run()
    finally:
        state.mark_routed(False)


@contextmanager
def open_page(name: str, *, counts_itself: bool = False) -> Iterator[DeltaGenerator]:
    """Everything of a page happens inside this: `with frame.open_page("rate"):`.

    A server that was just started may run a page without the router; then the router is run here, once.

    Args:
        name: of the page's script.
        counts_itself: whether the page says in the sidebar how many movies are rated, by `count`.

    Yields:
        Where the sidebar says it.
    """
    if not state.is_routed():
        route()
        st.stop()
    st.set_page_config(page_title=f"{_(PAGES[name])} · {brand.NAME}", page_icon=_ICON, layout="wide")
    st.html(STYLE)
    with one_language():
        with told():
            services.begin()
            counted = _sidebar(counts_itself)
        with told():
            yield counted


@contextmanager
def told() -> Iterator[None]:
    """What a visitor or the machine can cause becomes a sentence on the page, and the page ends there."""
    try:
        yield
    except AutoRecError as error:
        st.error(plain.lines(_(error.sentence)))
        st.stop()


def go_button(label: str, name: str) -> None:
    """The next thing to do: a button that opens a page."""
    if st.button(label, type="primary", key=f"go_{name}"):
        st.switch_page(page_path(name))


def model_name(run: Run) -> str:
    """What people call a run's model."""
    hyperparameters = run.config.hyperparameters
    kind = "I-AutoRec" if hyperparameters.based_on == "items" else "U-AutoRec"
    return _("{kind}, {units} hidden units", kind=kind, units=hyperparameters.hidden_units)


def _sidebar(counts_itself: bool) -> DeltaGenerator:
    brand.draw()
    with st.sidebar:
        run = visit.current_run()
        if run is None:
            st.caption(_("Model in use"))
            starter.aside()
        else:
            result = run.result or {}
            st.caption(_("Model in use"))
            st.markdown(f"**{model_name(run)}**  \n{plain.escaped(run.config.source.title)}")
            if result.get("test_rmse") is not None:
                st.caption(
                    _("Test RMSE {rmse:.4f}, seed {seed}", rmse=result["test_rmse"], seed=run.config.seed),
                    help=_(
                        "Hidden units: numbers in the code that a row is squeezed into. Test RMSE: how far it is off "
                        "on ratings that it never saw. Seed: which ratings those are, drawn by chance."
                    ),
                )
        st.caption(_("You"))
        counted = st.container()
        if not counts_itself:
            with counted:
                try:
                    count(visit.given())
                except AutoRecError as error:  # the pages that need no ratings go on without them
                    st.markdown(plain.lines(_(error.sentence)))
        words.switch()
    return counted


def count(given: visit.Given) -> None:
    """Says how many movies a visitor rated."""
    number = len(given.by_id)
    st.markdown(ngettext("**{count}** movie rated", "**{count}** movies rated", number))
