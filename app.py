"""Carry the One: the front door.

The server imports this file once, when it starts, and finds ``app``; then it runs it as
``__main__`` for every visitor and every click.
"""

from pathlib import Path

import streamlit as st

from ui import engine

if __name__ == "__main__":
    from ui import away

    engine.start()
    logo = Path(__file__).parent / "ui" / "logo.svg"
    st.set_page_config(page_title="Carry the One", page_icon=str(logo), layout="wide")
    st.logo(logo, size="large")
    train = st.Page("ui/train.py", title="Train", icon=":material/show_chart:", default=True)
    gates = st.Page("ui/gates.py", title="Gates", icon=":material/grid_on:")
    headlines = st.Page("ui/headlines.py", title="Headlines", icon=":material/notes:")
    page = st.navigation([train, gates, headlines], position="top")
    if page is not train:
        away.keep_training(gates, here=page is gates)
    try:
        page.run()
    except engine.CoreMissing as error:
        st.error(str(error), icon=":material/error:")
else:
    app = st.App(__file__, lifespan=engine.lifespan)
