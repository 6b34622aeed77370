"""Where a cell's time goes: from the records that the launcher and verl wrote while it ran."""
