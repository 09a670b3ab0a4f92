"""The real tree with actors in the providers' places: nothing is sent, nothing is spent, time may be virtual."""

from gateway.rehearsal.acts import ANSWERS, Act, UnknownAct, act_of, assumed
from gateway.rehearsal.assuming import assuming
from gateway.rehearsal.perform import Performance, outside, perform
from gateway.rehearsal.player import PIXEL, Player, Script

__all__ = [
    "ANSWERS",
    "PIXEL",
    "Act",
    "Performance",
    "Player",
    "Script",
    "UnknownAct",
    "act_of",
    "assumed",
    "assuming",
    "outside",
    "perform",
]
