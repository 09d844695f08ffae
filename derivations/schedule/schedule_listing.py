r"""How the listing chooses a schedule: its parameters, its branches, its factor, its refusal.

    scale = 1000 / T                                         code released with arXiv 2102.09672
"""

import ast

from derivations.claim import Checks, claim, corrects, refutes
from derivations.prover.execution import Raises, executes

RELEASED = "openai/improved-diffusion, gaussian_diffusion.py, get_named_beta_schedule"


def choose(name: str) -> str:
    """Dispatch on a name as the listing does: two known names, and a refusal."""
    if name == "linear":
        return "linear"
    elif name == "cosine":
        return "cosine"
    else:
        raise NotImplementedError("unknown")


def choose_without_refusal(name: str) -> str | None:
    """The same without the last branch: falls through to None."""
    return name if name in ("linear", "cosine") else None


@claim(
    "schedule.listing.parameters",
    lines="413",
    verdict="definition",
    severity="cosmetic",
    title="A schedule is asked for by name and number of steps",
    statement="A function takes the name of a schedule and $T$, and returns the $T$ variances.",
    sources=(RELEASED,),
)
def parameters() -> Checks:
    yield from ()


@claim(
    "schedule.listing.dispatch",
    lines="414, 424, 430-431",
    verdict="holds",
    title="Unknown names are refused",
    statement=(
        "The two names are told apart by equality of strings, and any other name, a different "
        "capitalisation included, reaches the last branch, which raises."
    ),
    sources=("The Python Language Reference, section 8.1",),
)
def dispatch() -> Checks:
    yield executes(
        "an unknown name raises", lambda: choose("quad"), Raises("NotImplementedError"),
        wrong={"without the last branch": lambda: choose_without_refusal("quad")},
    )
    yield executes(
        "the comparison distinguishes case",
        lambda: choose("Cosine"), Raises("NotImplementedError"),
        wrong={"compared in lower case": lambda: choose("Cosine".lower())},
    )
    yield executes(
        "both names are known", lambda: (choose("linear"), choose("cosine")), ("linear", "cosine"),
        wrong={"exchanged": lambda: (choose("cosine"), choose("linear"))},
    )


@claim(
    "schedule.listing.scale",
    lines="415",
    verdict="holds",
    title="The factor is 1000/T, by true division",
    statement=(
        r"The factor is $1000/T$, a float even where $T$ does not divide 1000: $1/4$ at $T=4000$, "
        r"where integer division would give 0.  $T=0$ raises."
    ),
    assumptions=("T is an integer, 1 or more",),
    sources=(RELEASED, "PEP 238"),
    depends_on=("schedule.linear.sum",),
)
def scale() -> Checks:
    yield executes(
        "the factor at T = 4000, as an exact ratio",
        lambda: (1000 / 4000).as_integer_ratio(), (1, 4),
        wrong={"integer division": lambda: (1000 // 4000, 1)},
    )
    yield executes(
        "T = 0 has no factor", lambda: 1000 / 0, Raises("ZeroDivisionError"),
        wrong={"T = 1": lambda: 1000 / 1},
    )


@claim(
    "schedule.listing.message",
    lines="431",
    verdict="code-defect",
    severity="cosmetic",
    title="The message does not name the schedule",
    statement=(
        "The error text is a formatted string without a placeholder: it is a constant, and a "
        "reader of the message does not learn which name was refused."
    ),
    correction='Put the name into the text, as in f"unknown beta schedule: {schedule_name}".',
    sources=(RELEASED, "The Python Language Reference, section 2.4.3"),
)
def message() -> Checks:
    def placeholders(source: str) -> int:
        return sum(isinstance(node, ast.FormattedValue) for node in ast.walk(ast.parse(source)))

    yield refutes(executes(
        "a formatted string without braces has no placeholder",
        lambda: placeholders('f"unknown schedule"'), 0,
        wrong={"with the name": lambda: placeholders('f"unknown schedule: {name}"')},
    ))
    yield corrects(executes(
        "with the placeholder the text names the schedule",
        lambda: (lambda name: f"unknown beta schedule: {name}")("quad").endswith("quad"), True,
        wrong={"the constant": lambda: "unknown beta schedule".endswith("quad")},
    ))


@claim(
    "schedule.listing.error-type",
    lines="431",
    verdict="not-mathematical",
    severity="cosmetic",
    title="The class of the error",
    statement=(
        "NotImplementedError is meant for a method that a subclass must supply; it is a "
        "RuntimeError, so a caller that expects ValueError for a bad argument does not catch it."
    ),
    correction="Raise ValueError.",
    sources=("The Python Standard Library, built-in exceptions",),
)
def error_type() -> Checks:
    yield executes(
        "it is a RuntimeError and no ValueError",
        lambda: (
            issubclass(NotImplementedError, RuntimeError),
            issubclass(NotImplementedError, ValueError),
        ),
        (True, False),
        wrong={"ValueError itself": lambda: (
            issubclass(ValueError, RuntimeError), issubclass(ValueError, ValueError))},
    )
