"""Starts the training process of a cell and sees it to its end."""
