"""From a matrix to finished runs: checks, budget, launchers, the local session, the queue."""
