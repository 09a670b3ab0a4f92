"""What a config would do with a day's traffic and a bad day's faults, in virtual time: nothing is sent or spent."""

from gateway.simulate.difference import difference
from gateway.simulate.faults import Faults, names_of, read_faults
from gateway.simulate.files import faults_in, traffic_in
from gateway.simulate.limits import REQUESTS, count_of
from gateway.simulate.run import simulated
from gateway.simulate.traffic import Traffic
from gateway.simulate.traffic_file import read_written
from gateway.simulate.unusable import Unusable

# What draws and prints results, and what runs two side by side, is asked for by name: servers need none of it.
__all__ = [
    "REQUESTS",
    "Faults",
    "Traffic",
    "Unusable",
    "count_of",
    "difference",
    "faults_in",
    "names_of",
    "read_faults",
    "read_written",
    "simulated",
    "traffic_in",
]
