"""Who may spend what: limits, and the ledgers that keep to them."""

from gateway.ledger.limits import MICROS, RateLimit, UsageLimit, Window, read_rates, read_usage, window_at
from gateway.ledger.memory import MemoryLedger, MemoryRates
from gateway.ledger.protocol import (
    Account,
    Crossing,
    Draw,
    End,
    Ledger,
    LedgerLost,
    Rates,
    Refusal,
    Spent,
)

__all__ = [
    "MICROS",
    "Account",
    "Crossing",
    "Draw",
    "End",
    "Ledger",
    "LedgerLost",
    "MemoryLedger",
    "MemoryRates",
    "RateLimit",
    "Rates",
    "Refusal",
    "Spent",
    "UsageLimit",
    "Window",
    "read_rates",
    "read_usage",
    "window_at",
]
