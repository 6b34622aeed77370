"""A grader whose package is not installed; for tests of the pool."""


def prepare() -> None:
    """Fail as an import does."""
    raise ImportError("no package named so")
