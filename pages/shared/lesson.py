"""The method as a sequence of steps: what each says, its formula, its shapes, its code, and its picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import streamlit as st

from autorec_core import excerpts, walkthrough
from autorec_core.runs import Run
from autorec_core.trained_model import TrainedModel
from pages.shared import frame, lesson_network, lesson_rows, lesson_training, lesson_use, plain, reader, services, state
from pages.shared.reader import Example
from pages.shared.words import _, later, ngettext


@dataclass(frozen=True)
class Step:
    """One step of the lesson."""

    title: Callable[[], str]
    """A few words, in the visitor's language."""
    formula: str
    """As LaTeX."""
    draw: Callable[[Example], None]
    """Draws its slider and its picture."""
    says: Callable[[Example], str]
    """What it is about, two or three sentences."""
    shapes: Callable[[Example], list[tuple[str, str]]]
    """Symbols with their sizes in this data, and what they are."""


STEPS: dict[str, Step] = {
    "vector": Step(
        lambda: _("Vector"),
        r"\mathbf r^{(i)} = (R_{1i}, R_{2i}, \dots, R_{Ci})",
        lesson_network.vector,
        lesson_network.vector_says,
        lesson_network.vector_shapes,
    ),
    "mask": Step(
        lambda: _("Mask"),
        r"\begin{gathered}m_j = \begin{cases}1 & \text{observed}\\ 0 & \text{unknown}\end{cases}\\[1ex]"
        r"\bar r = \frac{\sum_j m_j\, r_j + 5\,\mu}{\sum_j m_j + 5}\end{gathered}",
        lesson_network.mask,
        lesson_network.mask_says,
        lesson_network.mask_shapes,
    ),
    "encode": Step(
        lambda: _("Encode"),
        r"\mathbf c = g(\mathbf V \mathbf x + \boldsymbol\mu)",
        lesson_network.encode,
        lesson_network.encode_says,
        lesson_network.encode_shapes,
    ),
    "decode": Step(
        lambda: _("Decode"),
        r"h(\mathbf r) = f(\mathbf W \mathbf c + \mathbf b)",
        lesson_network.decode,
        lesson_network.decode_says,
        lesson_network.decode_shapes,
    ),
    "loss": Step(
        lambda: _("Masked loss"),
        r"L = \sum_j m_j \,\bigl(r_j - h_j(\mathbf r)\bigr)^2",
        lesson_training.loss,
        lesson_training.loss_says,
        lesson_training.loss_shapes,
    ),
    "gradient": Step(
        lambda: _("Gradient"),
        r"\frac{\partial L}{\partial h_j} = 2\, m_j\,(h_j - r_j)",
        lesson_training.gradient,
        lesson_training.gradient_says,
        lesson_training.gradient_shapes,
    ),
    "batch": Step(
        lambda: _("Mini-batch"),
        r"\nabla L \approx \frac{N}{N_B} \sum_{i \in B} \nabla L_i",
        lesson_training.batch,
        lesson_training.batch_says,
        lesson_training.batch_shapes,
    ),
    "regularisation": Step(
        lambda: _("Regularisation"),
        r"L + \frac{\lambda}{2}\left(\lVert\mathbf W\rVert_F^2 + \lVert\mathbf V\rVert_F^2\right)",
        lesson_training.regularisation,
        lesson_training.regularisation_says,
        lesson_training.regularisation_shapes,
    ),
    "base": Step(
        lambda: _("Item or user"),
        r"\mathbf R \in \mathbb R^{m \times n} \;\to\; \mathbf r^{(u)}\ \text{or}\ \mathbf r^{(i)}",
        lesson_use.base,
        lesson_use.base_says,
        lesson_use.base_shapes,
    ),
    "fold_in": Step(
        lambda: _("Fold-in"),
        r"\begin{gathered}\mathbf K = \mathbf C_R\mathbf S\mathbf C_R^\top + \mathbf D_R\\"
        r"\hat{\mathbf r} = \boldsymbol\mu + \mathbf C\mathbf S\mathbf C_R^\top"
        r"\mathbf K^{-1}(\mathbf r_R - \boldsymbol\mu_R)\end{gathered}",
        lesson_use.fold_in,
        lesson_use.fold_in_says,
        lesson_use.fold_in_shapes,
    ),
    "ranking": Step(
        lambda: _("Ranking"),
        r"\operatorname{arg\,sort}_{i \notin R}\;\hat r_i + a\,\sigma_i",
        lesson_use.ranking,
        lesson_use.ranking_says,
        lesson_use.ranking_shapes,
    ),
}
"""All steps, in order."""

BY_USERS = {
    "vector": r"\mathbf r^{(u)} = (R_{u1}, R_{u2}, \dots, R_{uC})",
    "fold_in": r"\hat{\mathbf r} = f\bigl(\mathbf W\, g(\mathbf V \mathbf x_{you} + \boldsymbol\mu) + \mathbf b\bigr)",
}
"""What is another formula for a user-based model."""
LEANING = (
    r"\begin{gathered}m_j = \begin{cases}1 & \text{observed}\\ 0 & \text{unknown}\end{cases}\\[1ex]"
    r"\bar r = \mu + \frac{\sum_j m_j\,(r_j - \bar r_j)}{\sum_j m_j + 5}\end{gathered}"
)
"""The mean of a user where the network begins at the movies' averages."""
DRAWN = (
    r"\begin{gathered}m_j = \begin{cases}1 & \text{observed}\\ 0 & \text{unknown}\end{cases}\\[1ex]"
    r"\bar r = e + \frac{\sum_j m_j\,(r_j - b_j - e)}{\sum_j m_j + \delta}\end{gathered}"
)
"""The mean of a movie where the network begins at `averages`: less the levels b of who rated it, drawn to e."""
WORDS = (later("observed"), later("unknown"), later("or"))
"""Words in the formulas."""


def draw(run: Run, model: TrainedModel) -> None:
    """Draws the chosen step."""
    order = list(STEPS)
    chosen = st.pills(
        _("Steps"),
        order,
        format_func=lambda name: f"{order.index(name) + 1} {STEPS[name].title()}",
        default=None if state.get("learn_step") in STEPS else order[0],  # Back and Next set it
        required=True,
        key="learn_step",
        label_visibility="collapsed",
        persist_state="session",
    )
    name = chosen if chosen in STEPS else order[0]
    step, place = STEPS[name], order.index(name)
    about = reader.example(run, model, services.split_of(run.id), lesson_rows.chosen_place(run, model))
    st.subheader(f"{place + 1}. {step.title()}", anchor=False)
    st.markdown(step.says(about))
    picture, text = st.columns([1.35, 1], gap="large")
    with picture:
        step.draw(about)
    with text:
        st.latex(in_words(formula_of(name, model)))
        st.markdown("\n".join(f"- {symbol}: {what}" for symbol, what in step.shapes(about)))
    st.markdown(_("**The lines that do it**, read off the source as it runs here:"))
    for function, shown in groupby(excerpts.of_step(lines_of(name, model)), lambda one: (one.module, one.function)):
        lines = list(shown)
        st.code("\n# …\n".join(one.code for one in lines), language="python", wrap_lines=True)
        st.caption("`autorec_core/{}.py`, `{}`, ".format(*function) + _("line {line}", line=lines[0].line))
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        _move(_("Back"), order[place - 1] if place else None, "learn_back")
        if place + 1 < len(order):
            _move(_("Next"), order[place + 1], "learn_next", is_primary=True)
        else:
            told = _("Six ways to fool yourself")
            st.button(told, key="learn_on", type="primary", on_click=state.put, args=("learn_part", "fooled"))
    _who(about)


def formula_of(name: str, model: TrainedModel) -> str:
    """A step's formula as it holds for a model."""
    if name == "mask" and walkthrough.leans_on_movies(model):
        return LEANING
    if name == "mask" and walkthrough.prior_of_rows(model):
        return DRAWN
    formula = STEPS[name].formula
    return formula if model.by_items else BY_USERS.get(name, formula)


def lines_of(name: str, model: TrainedModel) -> str:
    """Which excerpts of the source do a step as it holds for a model."""
    if name == "fold_in" and not model.by_items:
        return "fold_in_users"
    return "mask_drawn" if name == "mask" and walkthrough.prior_of_rows(model) else name


def in_words(formula: str) -> str:
    """A formula with the words in it as the visitor writes them."""
    return re.sub(r"\\text\{(\w+)\}", lambda found: rf"\text{{{_(found[1])}}}", formula)


def _move(label: str, to: str | None, key: str, *, is_primary: bool = False) -> None:
    st.button(
        label,
        key=key,
        type="primary" if is_primary else "secondary",
        disabled=to is None,
        on_click=state.put,
        args=("learn_step", to),
    )


def _who(about: Example) -> None:
    """Says whose ratings these are, and how they become the visitor's."""
    if about.reader.is_visitor:
        st.caption(
            ngettext(
                "The example is you, by the {count} rating of yours that this model knows.",
                "The example is you, by the {count} ratings of yours that this model knows.",
                about.reader.num_own,
            )
        )
        return
    st.caption(
        _(
            "{who} of the data stands in as the example until you have rated {enough} movies that this model knows; "
            "so far there are {own}.",
            who=plain.escaped(reader.whose(about.model, about.reader).capitalize()),
            enough=reader.ENOUGH,
            own=about.reader.num_own,
        )
    )
    st.page_link(frame.page_path("rate"), label=_("Rate movies, and be the example"))
