"""From a number of a report back to the runs, files, formula and code that made it."""
