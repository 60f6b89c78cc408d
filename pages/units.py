"""Code units: what each hidden unit of the network learnt to look for."""

from __future__ import annotations

import streamlit as st

from pages.shared import frame, services, starter, units_view, visit
from pages.shared.words import _

with frame.open_page("units"):
    st.title(_("Code units"))
    run = visit.current_run()
    if run is None:
        starter.notice()
        units_view.starter()
    else:
        units, catalogue = units_view.units_of(run.id), services.catalogue_of(run.id)
        by_items = services.recommender(run.id).model.by_items
        st.markdown(units_view.summary(units, by_items))
        units_view.overview(units)
        unit = units_view.unit_control(units)
        if unit is not None:
            units_view.one(units, catalogue, unit, by_items)
