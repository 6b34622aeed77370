"""What the benchmark times beside the suite: TRL, and a plain torch loop, on the same work."""
