"""Noise schedules: exact tables, and the document's listing of them."""
