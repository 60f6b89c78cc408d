"""Starts the app: `streamlit run app.py`. Imported by the server it is the application, run as a script the router."""

from __future__ import annotations

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pages.shared import frame, guard, references, server

if get_script_run_ctx(suppress_warning=True) is None:
    layers = [
        Middleware(guard.Guard),
        Middleware(guard.Metrics),
        Middleware(server.VisitorCookie),
        Middleware(references.References),
    ]
    app = st.App(__file__, middleware=layers, lifespan=server.lifespan)
else:
    frame.route()
