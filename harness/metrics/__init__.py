"""From verl's logs and sample dumps to tidy tables, through one declarative list of columns."""
