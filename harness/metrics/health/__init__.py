"""What can be wrong with a run that goes on all the same: diagnoses of its training steps."""
