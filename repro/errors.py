"""What a person can mend: printed as one line, without a traceback, exit status 2."""


class ReproError(ValueError):
    """A file, a setting or a machine is not as it must be; the message says what would be right."""
