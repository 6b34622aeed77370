"""The one place that turns bytes of strangers into values, within limits and without surprises.

A bundle, log, answer file or config may come from anybody. What is read here is refused by
`Refused`, a `ValueError` whose message goes on after the name of the file: "is not JSON: ...". Who
calls says which file it was, and what to do.
"""
