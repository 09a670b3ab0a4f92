"""What outlives a request and may be shared by several processes: one protocol, and the stores that speak it."""

from gateway.state.canonical import canonical
from gateway.state.flights import Flights
from gateway.state.memory import Memory
from gateway.state.protocol import SingleFlight, State, StateLost

__all__ = ["Flights", "Memory", "SingleFlight", "State", "StateLost", "canonical"]
