"""Run directories and the ledger of cells: what was asked, what happened, and who works on it."""
