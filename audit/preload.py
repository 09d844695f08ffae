"""Imported once by the process from which workers are forked, so that each starts at once."""

from audit import comparisons
from derivations import ledger

ledger.load()
comparisons.load()
