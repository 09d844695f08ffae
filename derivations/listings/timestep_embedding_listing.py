"""What the code of the timestep embedding (lines 322-331) does, beside the formulas.

The formulas are in timestep_embedding.py.  Facts about Python are shown here on constructs of our
own; facts that need torch are shown in audit/comparisons/timestep_embedding_listing.py.
"""

from collections.abc import Sequence
from fractions import Fraction

from derivations.claim import Checks, claim, corrects, refutes
from derivations.listings.noising_listing import nearest_binary
from derivations.prover.execution import Raises, evaluates, executes

TORCH = "PyTorch documentation: "


def _without_return(value: int) -> None:
    doubled = [value, value]
    del doubled


def _with_return(value: int) -> list[int]:
    doubled = [value, value]
    return doubled


def _copy_like(pattern: Sequence[int]) -> list[int]:
    return [0 for _ in pattern]


@claim(
    "embedding.device",
    lines="326",
    verdict="definition",
    severity="cosmetic",
    title="Frequencies are moved to the timesteps",
    statement=r"The frequencies are made on the CPU and then copied to the device of the "
    r"timesteps, so that line 328 multiplies tensors of one device.",
    sources=(TORCH + "torch.Tensor.to",),
)
def device() -> Checks:
    yield from ()


@claim(
    "embedding.integer-cast",
    lines="328",
    verdict="holds",
    title="Integer timesteps survive the cast to float32 (supplied)",
    statement=r"Every integer up to $2^{24}$ is a float32 number, so that casting an integer "
    r"timestep loses nothing; the first integer that is lost is $2^{24} + 1$.",
)
def integer_cast() -> Checks:
    def first_rounded(bits: int, integers: Sequence[int]) -> int | None:
        scale = 2**30  # brings the integers into (0, 1), and rounding does not see powers of 2
        scaled = ((n, Fraction(n, scale)) for n in integers)
        return next((n for n, x in scaled if nearest_binary(x, bits) != x), None)

    yield evaluates(
        "timesteps 1 .. 4000 and the neighbourhood of 2^24",
        lambda: first_rounded(24, [*range(1, 4001), *range(2**24 - 9, 2**24 + 9)]), 2**24 + 1,
        wrong={
            "float16": lambda: first_rounded(11, range(1, 4001)),
            "bfloat16": lambda: first_rounded(8, range(1, 4001)),
        },
    )


@claim(
    "embedding.single-precision-angle",
    lines="325, 328",
    verdict="code-defect",
    severity="cosmetic",
    title="Frequencies and angles in single precision",
    statement=r"The frequency, the angle and hence the phase are rounded in float32. An angle near "
    r"1000 has a spacing of $6 \cdot 10^{-5}$ there; for 128 columns and $t \le 999$ entries are "
    r"wrong by up to $5.5 \cdot 10^{-5}$, hundreds of float32 units even where they are near 1.",
    correction=r"Form frequencies and angles in float64 and round the embedding once; or keep "
    r"float32 where a released checkpoint was trained that way, and say so.",
    depends_on=("embedding.frequencies",),
)
def single_precision_angle() -> Checks:
    def spacing_at(value: int, bits: int) -> Fraction:
        step = 1
        while value >= 2 * step:
            step *= 2
        return Fraction(step, 2 ** (bits - 1))

    yield refutes(evaluates(
        "distance of neighbouring float32 numbers at 1000",
        lambda: spacing_at(1000, 24), Fraction(1, 2**14),
        wrong={"float64": lambda: spacing_at(1000, 53), "at 100": lambda: spacing_at(100, 24)},
    ))


@claim(
    "embedding.one-dimensional",
    lines="328",
    verdict="holds-if",
    severity="cosmetic",
    title="Timesteps must be one-dimensional",
    statement=r"Inserting a second axis turns $N$ timesteps into a column. A single number without "
    r"an axis has no second one, and stops with IndexError.",
    assumptions=("timesteps have shape (N,)",),
    correction=r"Require shape $(N,)$; repeat a single timestep for the batch first.",
    sources=(TORCH + "Tensor indexing with None",),
    depends_on=("embedding.angles",),
)
def one_dimensional() -> Checks:
    yield from ()


@claim(
    "embedding.width",
    lines="329",
    verdict="holds",
    title="Concatenation along the last axis",
    statement=r"Two blocks of shape $(N, \mathrm{half})$ joined along the last axis have shape "
    r"$(N, 2\,\mathrm{half})$, which is $(N, \mathrm{dim})$ for an even width.",
    sources=(TORCH + "torch.cat",),
    depends_on=("embedding.half",),
)
def width() -> Checks:
    yield from ()


@claim(
    "embedding.pad-keyword",
    lines="331",
    verdict="code-defect",
    severity="wrong-result",
    title="The axis is handed to the wrong function",
    statement=r"A parenthesis is misplaced: the keyword for the axis goes to the function that "
    r"makes zeros, which has no such argument. Every odd width stops with TypeError.",
    correction=r"Close the zeros function before the comma, so that the axis $-1$ belongs to the "
    r"concatenation.",
    sources=(TORCH + "torch.zeros_like",),
)
def pad_keyword() -> Checks:
    yield refutes(executes(
        "a keyword that a function does not have",
        lambda: _copy_like([1, 2], dim=-1),  # type: ignore[call-arg]  # what is shown
        Raises("TypeError"), wrong={"without it": lambda: _copy_like([1, 2])},
    ))
    yield corrects(executes(
        "the keyword given to the outer function, which has it",
        lambda: sorted(_copy_like([1, 2]), key=abs), [0, 0],
        wrong={"given to the inner one":
               lambda: sorted(_copy_like([1, 2], key=abs))},  # type: ignore[call-arg]  # shown
    ))


@claim(
    "embedding.pad-axis",
    lines="331",
    verdict="code-defect",
    severity="wrong-result",
    title="The concatenation is left without an axis",
    statement=r"As a consequence the concatenation has no axis and would use the first: deleting "
    r"the offending keyword does not mend the line, blocks of $2\,\mathrm{half}$ and 1 columns "
    r"cannot be stacked as rows.",
    correction=r"Join along axis $-1$: $N \times 2\,\mathrm{half}$ and $N \times 1$ give "
    r"$N \times (2\,\mathrm{half} + 1)$.",
    sources=(TORCH + "torch.cat (dim = 0 by default)",),
    depends_on=("embedding.pad-keyword",),
)
def pad_axis() -> Checks:
    yield from ()


@claim(
    "embedding.no-return",
    lines="322-331",
    verdict="code-defect",
    severity="wrong-result",
    title="The embedding is computed and then dropped",
    statement=r"The function has no return statement, so that its value is None for every input.",
    correction=r"Return the embedding as the last statement of the function.",
    sources=("Python language reference: function definitions, return",),
)
def no_return() -> Checks:
    yield refutes(executes(
        "a function that ends without return", lambda: _without_return(1), None,
        wrong={"with return": lambda: _with_return(1)},
    ))
    yield corrects(executes(
        "the same function with return", lambda: _with_return(1), [1, 1],
        wrong={"without": lambda: _without_return(1)},
    ))


@claim(
    "embedding.narrow-width",
    lines="323, 325, 331",
    verdict="code-defect",
    severity="cosmetic",
    title="Width 1 gives no column at all",
    statement=r"For dim = 1 there is no frequency, and the division by half = 0 goes unnoticed "
    r"because the tensor is empty. Even with line 331 mended, the padding copies the width of "
    r"an empty slice: the result has 0 columns instead of 1.",
    correction=r"Pad with zeros of shape $(N, 1)$ that do not depend on the embedding, or reject "
    r"widths below 2.",
    depends_on=("embedding.pad-axis",),
)
def narrow_width() -> Checks:
    def one_more_column(columns: Sequence[int]) -> int:
        return len(columns) + len(columns[:1])

    yield refutes(executes(
        "the first-column slice of nothing is nothing", lambda: one_more_column([]), 0,
        wrong={"of two columns": lambda: one_more_column([7, 8])},
    ))
