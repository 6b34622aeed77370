"""Graders: is the answer of a response the reference? Right, wrong or ungradable, with the reason.

Each grader is one module with `prepare()` and `grade(response, reference)` (`registry.GRADERS`).
They run in processes of their own (`pool.Pool`), which are killed at a time limit, so that no
answer can stop or slow a training. Importing this room imports neither sympy nor torch: a reward
may use it.
"""
