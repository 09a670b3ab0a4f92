"""The 24 scenarios: what goes wrong, what the caller must get all the same, and what it may cost."""

from tests.end_to_end.wall.legs import Scenario
from tests.end_to_end.wall.refusing import ALWAYS, INVALID, KEY, LATE, ONCE, POLICY, REDIRECT, REFUSED, SOON
from tests.end_to_end.wall.spoiling import BROKEN, CUTS, EMPTY, EVENTS, HTML, LARGE, RESET, SILENT, SLOW, WHO_ANSWERED
from tests.end_to_end.wall.stories import leaving, outage

LEAVING = Scenario(name="the caller leaves", story=leaving)
OUTAGE = Scenario(name="an outage of a minute, ten times as fast", story=outage)

SCENARIOS = [
    *(REFUSED, ONCE, ALWAYS, SOON, LATE, SILENT, RESET, *CUTS, HTML, EMPTY, BROKEN, LARGE),
    *(POLICY, INVALID, KEY, REDIRECT, SLOW, LEAVING, OUTAGE, EVENTS, WHO_ANSWERED),
]
