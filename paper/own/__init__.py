"""Figures that the paper does not have: effects, agreement, noise, cost, growth, health."""
