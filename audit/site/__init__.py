"""The audit as static pages that open from the file system: ``nox -s site``."""
