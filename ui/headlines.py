"""Page: A deep character LSTM finishes a headline and shows its odds."""

import streamlit as st

st.title("Headlines")
st.write("A deep character LSTM finishes a headline and shows its odds. This page is not part of this version.")
