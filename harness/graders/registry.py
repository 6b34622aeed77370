"""The graders there are: name, module, time limit, and where the rule comes from."""

from __future__ import annotations

from dataclasses import dataclass


class GraderUnavailableError(RuntimeError):
    """A grader cannot be used here: a package is missing, or its process does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grader:
    """One grader.

    Attributes:
        name: the word for it.
        module: has `prepare()`, which imports and warms up, and `grade(response, reference)`.
        limit_s: seconds of CPU time that one grading may take.
        source: whose rule it is.
    """

    name: str
    module: str
    limit_s: float
    source: str


GRADERS = {
    grader.name: grader
    for grader in (
        Grader(
            name="orz",
            module="harness.graders.orz",
            # the authors stop the comparison of two expressions after one second
            limit_s=1.0,
            source="Open-Reasoner-Zero, is_equal(math_mode='legacy') after solution2answer",
        ),
        Grader(
            name="math_verify",
            module="harness.graders.mathverify",
            # the library's own limit for one parse and for one comparison
            limit_s=5.0,
            source="Math-Verify, verify(parse(reference), parse(response)), defaults",
        ),
        Grader(
            name="verl",
            module="harness.graders.verl_math",
            limit_s=5.0,
            source="verl, utils/reward_score/math_reward.py, compute_score",
        ),
    )
}
"""Every grader by name, in the order in which reports show them."""
