"""The paper's figures and tables, drawn again from its published data and from stored runs."""
