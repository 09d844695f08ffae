"""Implementations under audit, each behind one module."""
