"""Page: See, touch and test what the network learned."""

import streamlit as st

st.title("Gates")
st.write("See, touch and test what the network learned. This page is not part of this version.")
