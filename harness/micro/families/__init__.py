"""The families of problems: three are trained on, `meet` is seen in pre-training only."""

from harness.micro.families.chain import Chain
from harness.micro.families.meet import Meet
from harness.micro.families.orbit import Orbit
from harness.micro.families.problem import Attempt, Family, Problem
from harness.micro.families.search import Search

_ALL: tuple[Family, ...] = (Search(), Orbit(), Chain(), Meet())
FAMILIES = {family.name: family for family in _ALL}

__all__ = ["FAMILIES", "Attempt", "Family", "Problem"]
