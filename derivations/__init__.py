"""Exact mathematics: every claim of the document, each beside its proof.

``claim.py`` says what a claim is, ``symbols.py`` holds every symbol, ``prover/`` decides, and each
remaining module is one subject of the ledger.  No torch and no floating point in this room.
"""
