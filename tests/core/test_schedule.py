"""Tables against exact rational arithmetic (Fraction) and against mpmath at 300 bits."""

import dataclasses
import math
from fractions import Fraction

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.schedule import (
    NoiseSchedule,
    cast_like,
    cosine_schedule,
    linear_schedule,
    scaled_linear_schedule,
    schedule_from_betas,
)

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
TABLES = [f.name for f in dataclasses.fields(NoiseSchedule)]
LN = mpmath.MPContext()
LN.prec = 300


def ulps(value, exact):
    """|value - exact| in units of the last place of value, exactly."""
    return abs(Fraction(value) - exact) / Fraction(math.ulp(value))


def exact_tables(betas):
    """(alpha_bar, 1 - alpha_bar, snr, beta_tilde) as Fractions, index 1..T, from definitions."""
    alpha_bar, rows = Fraction(1), [None]
    for beta in map(Fraction, betas):
        before = alpha_bar
        alpha_bar = before * (1 - beta)
        rows.append((alpha_bar, 1 - alpha_bar, alpha_bar / (1 - alpha_bar),
                     (1 - before) / (1 - alpha_bar) * beta))  # fmt: skip
    return rows


def check_against_fractions(betas):
    schedule = schedule_from_betas(betas)
    rows = exact_tables(betas)
    half = Fraction(1, 2)
    for t in range(1, len(betas) + 1):
        alpha_bar, one_minus, snr, beta_tilde = rows[t]
        assert schedule.beta[t].item() == betas[t - 1]
        assert ulps(schedule.alpha[t].item(), 1 - Fraction(betas[t - 1])) <= half
        assert ulps(schedule.alpha_bar[t].item(), alpha_bar) <= half
        assert ulps(schedule.one_minus_alpha_bar[t].item(), one_minus) <= half
        assert ulps(schedule.snr[t].item(), snr) <= half
        assert ulps(schedule.beta_tilde[t].item(), beta_tilde) <= half
        for name, exact in (("alpha_bar", alpha_bar), ("one_minus_alpha_bar", one_minus)):
            leading = getattr(schedule, name)[t].item()
            tail = getattr(schedule, name + "_tail")[t].item()
            missing = abs(Fraction(leading) + Fraction(tail) - exact)
            assert missing <= exact / 2**106 + Fraction(5e-324)
        exact_log = LN.log(LN.mpf(snr.numerator)) - LN.log(LN.mpf(snr.denominator))
        log_snr = schedule.log_snr[t].item()
        assert abs(LN.mpf(log_snr) - exact_log) <= LN.mpf(math.ulp(log_snr)) * (0.5 + 1e-8)


# Near 0, near 1, both at once, snr next to 1 (its log next to 0), and a float just below 1.
EXTREMES = [
    [0.5], [1e-300], [1 - 2**-53], [1e-12] * 5, [1e-300, 0.5, 1e-300], [0.999, 1e-12, 0.999],
    [2.0**-54, 2.0**-54], [0.5 - 1e-9, 1e-9], [0.25, 1 / 3 + 1e-12], [0.9999] * 20,
    [10**-16.375, 0.5],  # found by fuzzing: snr is 1 less three quarters of a unit
]  # fmt: skip


@pytest.mark.parametrize("betas", EXTREMES, ids=str)
def test_extreme_betas_are_correctly_rounded(betas):
    check_against_fractions(betas)


BETA = st.floats(-40, -1e-3).map(lambda e: 10**e) | st.floats(1e-6, 1 - 1e-6)


@given(st.lists(BETA, min_size=1, max_size=8))
def test_any_betas_are_correctly_rounded(betas):
    check_against_fractions(betas)


@pytest.mark.parametrize(
    "schedule",
    [linear_schedule(), scaled_linear_schedule(4000), cosine_schedule(1000)],
    ids=["linear", "scaled", "cosine"],
)
def test_long_schedules_are_correctly_rounded(schedule):
    """300 bits; dyadic integers would give the same, as the slack of 1e-60 ulp shows."""
    alpha_bar = LN.mpf(1)
    for t in range(1, schedule.T + 1):
        before, beta = alpha_bar, LN.mpf(schedule.beta[t].item())
        alpha_bar = before * (1 - beta)
        for table, exact in (
            (schedule.alpha_bar, alpha_bar),
            (schedule.one_minus_alpha_bar, 1 - alpha_bar),
            (schedule.snr, alpha_bar / (1 - alpha_bar)),
            (schedule.beta_tilde, (1 - before) / (1 - alpha_bar) * beta),
        ):
            value = table[t].item()
            assert abs(LN.mpf(value) - exact) <= LN.mpf(math.ulp(value)) * (0.5 + LN.mpf(10) ** -60)
        log_snr = schedule.log_snr[t].item()
        error = abs(LN.mpf(log_snr) - LN.log(alpha_bar / (1 - alpha_bar)))
        assert error <= LN.mpf(math.ulp(log_snr)) * (0.5 + 1e-8)


def test_index_zero_is_the_clean_image():
    schedule = linear_schedule(3)
    assert schedule.T == 3
    for name, value in (
        ("beta", 0), ("alpha", 1), ("alpha_bar", 1), ("alpha_bar_tail", 0), ("snr", math.inf),
        ("one_minus_alpha_bar", 0), ("one_minus_alpha_bar_tail", 0), ("log_snr", math.inf),
        ("beta_tilde", 0),
    ):  # fmt: skip
        table = getattr(schedule, name)
        assert table.shape == (4,) and table.dtype == torch.float64
        assert table[0].item() == value
    assert schedule.beta_tilde[1].item() == 0
    assert schedule.one_minus_alpha_bar[1].item() == schedule.beta[1].item()


def digits(value, printed):
    """value rounds to the published digits, all of them."""
    mantissa = printed.split("e")[0].lstrip("-").replace(".", "").lstrip("0")
    assert f"{value:.{len(mantissa) - 1}e}" == f"{float(printed):.{len(mantissa) - 1}e}"


@pytest.mark.parametrize(
    "table, t, printed",
    [
        ("alpha_bar", 1000, "4.03582976538e-05"), ("one_minus_alpha_bar", 1000, "0.999959641702"),
        ("snr", 1000, "4.03599265117e-05"), ("log_snr", 1000, "-10.1176731833"),
        ("beta_tilde", 2, "5.45318766130e-05"), ("beta_tilde", 1000, "1.99999835266e-02"),
        ("beta", 2, "1.19919919920e-04"), ("alpha_bar", 1, "0.999900000000"),
        ("alpha_bar", 2, "0.999780092072"), ("alpha_bar", 100, "0.897018145675"),
        ("alpha_bar", 250, "0.524085373825"), ("alpha_bar", 500, "0.0785872428818"),
        ("alpha_bar", 750, "0.00335055043894"),
    ],
)  # fmt: skip
def test_published_linear(table, t, printed):
    digits(getattr(linear_schedule(), table)[t].item(), printed)


def test_published_derived():
    linear = linear_schedule()
    digits(linear.alpha_bar[1000].sqrt().item(), "6.35281808757e-03")
    digits(10 * linear.log_snr[1000].item() / math.log(10), "-43.9404963321")
    digits(linear.beta_tilde[2].log().item(), "-9.816725135296")
    digits((linear.beta_tilde[2] / linear.beta[2]).item(), "0.454735765746")
    digits((linear.beta_tilde[1000] / linear.beta[1000]).item(), "0.999999176328")
    digits(scaled_linear_schedule(4000).alpha_bar[4000].item(), "4.246652275802e-05")
    as_float32 = linear.beta[1:].float()
    digits(schedule_from_betas(as_float32).alpha_bar[1000].item(), "4.035829772845e-05")
    # Equation 12's weight beta_t^2 / (2 sigma^2 alpha_t (1 - alpha_bar_t)), sigma^2 = beta_t.
    weight = linear.beta / (2 * linear.alpha * linear.one_minus_alpha_bar)
    for t, printed in ((2, 0.2727), (10, 0.0737), (100, 0.0101), (500, 0.0055), (1000, 0.0102)):
        assert round(weight[t].item(), 4) == printed


@pytest.mark.parametrize("T, last", [(1000, "2.428766907e-09"), (4000, "1.517980469e-10")])
def test_published_cosine(T, last):
    schedule = cosine_schedule(T)
    digits(schedule.alpha_bar[T].item(), last)
    assert (schedule.beta == 0.999).nonzero().flatten().tolist() == [T]
    for quarter, printed in ((1, "0.847012161327"), (2, "0.493843590441"), (3, "0.144272102386")):
        digits(schedule.alpha_bar[quarter * T // 4].item(), printed)
    f_0 = math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    digits(f_0, "0.999844591000")
    for quarter, printed in ((1, "0.846880528014"), (2, "0.493766842702"), (3, "0.144249681203")):
        digits(f_0 * schedule.alpha_bar[quarter * T // 4].item(), printed)


# How many betas are clipped: only the last at 0.9, and more the lower beta_max is.
@pytest.mark.parametrize("T, s, beta_max, clipped", [
    (1, 0.008, 0.9, 1), (2, 0.008, 0.9, 1), (10, 0.0, 0.9, 1), (10, 0.5, 0.9, 1),
    (1000, 0.008, 0.9, 1), (10, 0.008, 0.3, 5), (100, 0.0, 0.05, 35), (3, 0.0, 0.2, 3)])
def test_cosine_betas_within_ulps(T, s, beta_max, clipped):
    """iDDPM (17) as printed, at 300 bits, where the cancellation in 1 - ratio does no harm."""
    exact_s = LN.mpf(s)

    def f(t):
        return LN.cos((LN.mpf(t) / T + exact_s) / (1 + exact_s) * LN.pi / 2) ** 2

    schedule = cosine_schedule(T, s, beta_max=beta_max)
    for t in range(1, T + 1):
        exact, value = 1 - f(t) / f(t - 1), schedule.beta[t].item()
        if exact > beta_max:
            assert value == beta_max
        else:
            assert abs(value - exact) <= 6 * LN.mpf(math.ulp(value))
    assert (schedule.beta == beta_max).nonzero().flatten().tolist() == [*range(T + 1)][-clipped:]


@pytest.mark.parametrize("T", [1, 2, 3, 1000, 4000])
def test_linear_is_rounded_once(T):
    schedule = linear_schedule(T, 1e-4, 0.02)
    first, last = Fraction(1e-4), Fraction(0.02)
    for t in range(1, T + 1):
        exact = first if T == 1 else first + (last - first) * (t - 1) / (T - 1)
        assert ulps(schedule.beta[t].item(), exact) <= Fraction(1, 2)
    assert schedule.beta[1] == 1e-4 and (T == 1 or schedule.beta[T] == 0.02)


def test_other_end_points():
    assert linear_schedule(3, 0.5, 0.25).beta.tolist() == [0, 0.5, 0.375, 0.25]
    assert linear_schedule(2, 0.5, 0.5).beta.tolist() == [0, 0.5, 0.5]
    scaled = scaled_linear_schedule(21)
    assert scaled.beta[21].item() == pytest.approx(20 / 21, rel=1e-15)
    assert scaled.beta[1].item() == pytest.approx(0.1 / 21, rel=1e-15)
    assert scaled_linear_schedule(1000).beta.equal(linear_schedule().beta)


@pytest.mark.parametrize(
    "build, parts",
    [
        (lambda: linear_schedule(0), ("T", "1 or more", "0")),
        (lambda: linear_schedule(2.0), ("T", "integer", "2.0")),
        (lambda: linear_schedule(3, beta_first=0), ("beta_first", "(0, 1)", "0")),
        (lambda: linear_schedule(3, beta_last=1.0), ("beta_last", "(0, 1)", "1.0")),
        (lambda: linear_schedule(3, beta_first=math.nan), ("beta_first", "nan")),
        (lambda: scaled_linear_schedule(20), ("T", "21 or more", "beta_T", "20")),
        (lambda: scaled_linear_schedule(0), ("T", "1 or more", "0")),
        (lambda: cosine_schedule(0), ("T", "1 or more")),
        (lambda: cosine_schedule(5, s=-0.1), ("s", "[0, inf)", "-0.1")),
        (lambda: cosine_schedule(5, s=math.inf), ("s", "[0, inf)", "inf")),
        (lambda: cosine_schedule(5, beta_max=1), ("beta_max", "(0, 1)", "1")),
        (lambda: schedule_from_betas([]), ("betas", "(T,)", "(0,)")),
        (lambda: schedule_from_betas(torch.zeros(2, 2)), ("betas", "(T,)", "(2, 2)")),
        (lambda: schedule_from_betas(torch.ones(2).long()), ("betas", "floating", "int64")),
        (lambda: schedule_from_betas([0.1, math.nan]), ("beta[2]", "(0, 1)", "nan")),
        (lambda: schedule_from_betas([0.1, 1.0]), ("beta[2]", "(0, 1)", "1.0")),
        (lambda: schedule_from_betas([0.0]), ("beta[1]", "(0, 1)", "0.0")),
        (lambda: schedule_from_betas([-0.1]), ("beta[1]", "(0, 1)", "-0.1")),
        (lambda: schedule_from_betas([1e-310]), ("beta[1]", "snr overflows", "1e-310")),
        (lambda: schedule_from_betas([0.999] * 200), ("alpha_bar[103]", "2.225", "e-309")),
        (lambda: NoiseSchedule(torch.tensor([0.0, 0.1])), ("beta", "float64", "float32")),
        (lambda: NoiseSchedule(torch.tensor([0.1, 0.1]).double()), ("beta[0]", "must be 0")),
        (lambda: NoiseSchedule(torch.zeros(1).double()), ("beta", "(T + 1,)", "(1,)")),
        (lambda: NoiseSchedule(torch.zeros(2, 2).double()), ("beta", "(T + 1,)", "(2, 2)")),
        (lambda: NoiseSchedule([0.0, 0.1]), ("beta", "tensor", "[0.0, 0.1]")),
    ],
)  # fmt: skip
def test_refusals(build, parts):
    with pytest.raises(ValueError) as error:
        build()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"


def test_immutable():
    beta = torch.tensor([0.0, 0.1, 0.2], dtype=torch.float64)
    schedule = NoiseSchedule(beta)
    beta[1] = 0.9
    assert schedule.beta[1].item() == 0.1
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.beta = beta


@pytest.mark.parametrize("device", DEVICES)
def test_moves_bit_for_bit(device):
    schedule = linear_schedule(50)
    moved = schedule.to(device)
    for name in TABLES:
        table = getattr(moved, name)
        assert table.device.type == device and torch.equal(table.cpu(), getattr(schedule, name))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_cast_like_shapes_and_casts_last(dtype):
    schedule = linear_schedule(10)
    like = torch.zeros(2, 3, 4, 4, dtype=dtype)
    column = cast_like(schedule.alpha_bar[[10, 0]], like)
    assert column.shape == (2, 1, 1, 1) and column.dtype == dtype
    assert column.flatten().equal(schedule.alpha_bar[[10, 0]].to(dtype))
    single = cast_like(schedule.alpha_bar[10], like)
    assert single.shape == (1, 1, 1, 1) and single.item() == schedule.alpha_bar[10].to(dtype)
    assert cast_like(schedule.alpha_bar[10], torch.zeros(())).shape == ()
    assert cast_like(schedule.alpha_bar[:0], like[:0]).shape == (0, 1, 1, 1)


def test_cast_like_refuses():
    schedule = linear_schedule(10)
    for coefficients in (schedule.beta[1:4], schedule.beta[1:2]):
        with pytest.raises(ValueError) as error:
            cast_like(coefficients, torch.zeros(2, 5))
        parts = ("(B,)", "(2, 5)", str(tuple(coefficients.shape)))
        assert all(part in str(error.value) for part in parts), error.value
    with pytest.raises(ValueError) as error:
        cast_like(schedule.beta[1], torch.zeros(2, device="meta"))
    assert "schedule.to('meta')" in str(error.value) and "cpu" in str(error.value)
