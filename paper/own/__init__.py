"""Figures that the paper does not have: effects, agreement, noise, cost, growth, health.

Each file says in `FIGURES` what it draws: id -> title and the function that makes the product. A
new figure is one file here.
"""
