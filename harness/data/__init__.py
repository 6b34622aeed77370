"""Data sets of questions: where they come from, how they are read, checked and written for veRL.

`entries/<name>.yaml` is a data set, `forms/<name>.py` a form that its records may have; a new one
is one more file. `harness.data` is the command line.
"""
