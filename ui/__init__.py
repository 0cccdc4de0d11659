"""What people see: Streamlit lives here, arithmetic does not."""
