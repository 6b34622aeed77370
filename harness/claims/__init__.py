"""Claims of a paper: read, judged on what is stored, and laid out as a sheet."""
