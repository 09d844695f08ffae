"""Divergences against quadrature of the definition, and against 60 digits near equality."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate, stats

from core.kl import kl_gaussian, kl_multivariate, kl_standard
from core.schedule import linear_schedule

DEVICES = ["cpu"] + ["cuda"] * torch.cuda.is_available()
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
MP = mpmath.MPContext()
MP.dps = 60


def by_quadrature(mean_1, variance_1, mean_2, variance_2):
    """E_1[log N_1 - log N_2], in the standardised coordinate of N_1."""
    sd = math.sqrt(variance_1)
    first, second = stats.norm(mean_1, sd), stats.norm(mean_2, math.sqrt(variance_2))

    def integrand(u):
        x = mean_1 + sd * u
        return stats.norm.pdf(u) * (first.logpdf(x) - second.logpdf(x))

    return integrate.quad(integrand, -14, 14, epsabs=0, epsrel=1e-11)[0]


@pytest.mark.parametrize(
    "case", [(0, 1, 1, 2), (0.5, 0.2, -1, 3), (2, 5, 2, 0.5), (-3, 1.2, 0, 1), (0, 0.71, 0, 1)]
)
def test_against_quadrature(case):
    expected = by_quadrature(*case)
    assert kl_gaussian(*case).item() == pytest.approx(expected, rel=1e-10)
    if case[2:] == (0, 1):
        assert kl_standard(*case[:2]).item() == pytest.approx(expected, rel=1e-10)


def exact_kl(mean_1, variance_1, mean_2, variance_2):
    m_1, v_1, m_2, v_2 = map(MP.mpf, (mean_1, variance_1, mean_2, variance_2))
    return (MP.log(v_2 / v_1) + (v_1 + (m_1 - m_2) ** 2) / v_2 - 1) / 2


# Both sides of the |d| = 0.3 switch, and down to one ulp from equality.
DISTANCES = (0.31, 0.299, 0.25, 0.1, 1e-2, 1e-5, 1e-9, 2**-52)
FACTORS = [1 + sign * d for d in DISTANCES for sign in (1, -1)]


@pytest.mark.parametrize("factor", [*FACTORS, 1e-250, 1e-20, 0.01, 3.0, 100.0, 1e200])
def test_all_digits_at_any_ratio(factor):
    for variance_2 in (1.0, 0.02, 37.0):
        variance_1 = variance_2 * factor
        exact = exact_kl(0.0, variance_1, 0.0, variance_2)
        result = kl_gaussian(0.0, variance_1, 0.0, variance_2).item()
        assert abs(result - exact) <= 12 * 2**-52 * exact
        if variance_2 == 1.0:
            assert abs(kl_standard(0.0, variance_1).item() - exact) <= 12 * 2**-52 * exact


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_digits_around_the_series_and_the_logarithms(dtype):
    """Both sides of |ratio - 1| = 0.3 and of ratio = 1/4, where most of the digits cancel."""
    draw = torch.Generator().manual_seed(0)
    for centre, width in ((0.25, 0.2), (0.7, 0.1), (1.3, 0.1), (2.0, 0.7)):
        ratio = centre + width * (2 * torch.rand(300, generator=draw, dtype=torch.float64) - 1)
        variance_2 = (0.1 + 3 * torch.rand(300, generator=draw, dtype=torch.float64)).to(dtype)
        variance_1 = (ratio * variance_2).to(dtype)
        found = kl_gaussian(variance_2 * 0, variance_1, variance_2 * 0, variance_2)
        unit = torch.finfo(dtype).eps
        for one, two, kl in zip(variance_1.tolist(), variance_2.tolist(), found.tolist(),
                                strict=True):
            exact = exact_kl(0.0, one, 0.0, two)
            assert abs(kl - exact) <= 6 * unit * exact, (one, two)


def test_mean_term_and_zero():
    assert kl_gaussian(1.0, 2.0, 1.0, 2.0).item() == 0 == kl_standard(0.0, 1.0).item()
    assert kl_gaussian(1.0, 2.0, 4.0, 2.0).item() == pytest.approx(9 / 4, rel=1e-15)
    assert kl_standard(3.0, 1.0).item() == pytest.approx(4.5, rel=1e-15)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "dtype, variance, shift",
    [
        (torch.float32, 1e38, 1e20), (torch.float32, 1e-37, 1e-21),
        (torch.float64, 1e307, 1e155), (torch.float64, 1e-307, 1e-156),
    ],
)  # fmt: skip
def test_mean_term_where_the_squared_difference_leaves_the_range(dtype, variance, shift, device):
    """The first and third square is infinite, the others are subnormal; the KL is neither."""
    variance, shift = (torch.tensor(n, dtype=dtype, device=device) for n in (variance, shift))
    exact = float(exact_kl(shift.item(), variance.item(), 0, variance.item()))
    for means in ((shift, 0 * shift), (0 * shift, shift)):
        result = kl_gaussian(means[0], variance, means[1], variance).item()
        assert result == pytest.approx(exact, rel=12 * torch.finfo(dtype).eps, abs=0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_and_broadcasting(dtype, device):
    mean = torch.tensor([[0.5, -1.0], [2.0, 0.0]], dtype=dtype, device=device)
    variance = torch.tensor([[0.5], [1.125]], dtype=dtype, device=device)
    for result, second in (
        (kl_standard(mean, variance), (0, 1)),
        (kl_gaussian(mean, variance, 0.25, 1.25), (0.25, 1.25)),
    ):
        assert result.dtype == dtype and result.shape == (2, 2) and result.device.type == device
        for i in range(2):
            for j in range(2):
                exact = exact_kl(mean[i, j].item(), variance[i, 0].item(), *second)
                rel = 6 * torch.finfo(dtype).eps
                assert result[i, j].item() == pytest.approx(float(exact), rel=rel)


def test_gradients_are_finite_on_both_sides_of_the_switch():
    variances = [1e-30, 1e-6, 0.2, 0.5, 0.9, 1.0, 1.1, 40.0]  # 1e-30 - 1 is -1
    variance = torch.tensor(variances, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(kl_standard(0.0, variance).sum(), variance)
    assert torch.allclose(gradient, (1 - 1 / variance.detach()) / 2, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    "square, printed, last_digits",
    [
        # For zero data the KL is (1 - variance)^2 / 4, and the float64 variance 1 - alpha_bar_T
        # is 1e-12 of its distance to 1.
        (0, "5.87478410083e-10", 3), (0.25, "7.27867696388e-06", 0),
        # The square itself is printed to 12 digits only.
        (0.255985815202, "7.45293815863e-06", 1), (1 / 3, "9.70470679238e-06", 0),
        (0.5, "1.45567664494e-05", 0), (1, "2.91129454203e-05", 0),
    ],
)  # fmt: skip
def test_published_prior_term(square, printed, last_digits):
    schedule = linear_schedule()
    mean = (schedule.alpha_bar[1000] * square).sqrt()
    nats = kl_standard(mean, schedule.one_minus_alpha_bar[1000])
    mantissa, exponent = f"{nats.item() / math.log(2):.11e}".split("e")
    published, published_exponent = printed.split("e")
    assert exponent == published_exponent
    assert abs(round((float(mantissa) - float(published)) * 1e11)) <= last_digits


def exact_multivariate(mean_1, cov_1, mean_2, cov_2):
    m_1, c_1, m_2, c_2 = (MP.matrix(np.asarray(x).tolist()) for x in (mean_1, cov_1, mean_2, cov_2))
    inverse, shift = c_2**-1, m_1 - m_2
    product = inverse * c_1
    trace = sum(product[i, i] for i in range(product.rows))
    quadratic = (shift.T * inverse * shift)[0]
    return (trace + quadratic - product.rows + MP.log(MP.det(c_2)) - MP.log(MP.det(c_1))) / 2


def random_gaussians(d, generator):
    root = torch.randn(2, d, d, generator=generator, dtype=torch.float64)
    covs = root @ root.mT + 0.3 * torch.eye(d, dtype=torch.float64)
    means = torch.randn(2, d, generator=generator, dtype=torch.float64)
    return means[0], (covs[0] + covs[0].mT) / 2, means[1], (covs[1] + covs[1].mT) / 2


@pytest.mark.parametrize("d", [1, 2, 5])
def test_multivariate(d):
    generator = torch.Generator().manual_seed(d)
    cases = [random_gaussians(d, generator) for _ in range(3)]
    for case in cases:
        exact = float(exact_multivariate(*case))
        assert kl_multivariate(*case).item() == pytest.approx(exact, rel=1e-12)
    batch = kl_multivariate(*(torch.stack(parts) for parts in zip(*cases, strict=True)))
    single = torch.stack([kl_multivariate(*case) for case in cases])
    assert batch.shape == (3,) and torch.allclose(batch, single, rtol=1e-14, atol=0)


def test_multivariate_of_diagonals_is_the_sum():
    mean_1, mean_2 = torch.tensor([[0.1, 2.0], [-1.0, 0.3]]).double()
    variance_1, variance_2 = torch.tensor([[0.5, 2.0], [1.5, 1.9]]).double()
    total = kl_multivariate(mean_1, variance_1.diag(), mean_2, variance_2.diag())
    parts = kl_gaussian(mean_1, variance_1, mean_2, variance_2)
    assert total.item() == pytest.approx(parts.sum().item(), rel=1e-14)


def test_multivariate_near_equality():
    """KL is about 1e-18 here: traces and determinants in float64 would leave 1e-16 of noise."""
    mean = torch.zeros(2, dtype=torch.float64)
    cov_1 = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    cov_2 = cov_1 + 2.0**-29 * torch.tensor([[1.0, -1.0], [-1.0, 3.0]], dtype=torch.float64)
    exact = float(exact_multivariate(mean, cov_1, mean, cov_2))
    assert exact < 1e-16
    assert kl_multivariate(mean, cov_1, mean, cov_2).item() == pytest.approx(exact, rel=1e-6, abs=0)
    assert kl_multivariate(mean, cov_1, mean, cov_1).item() == 0


@pytest.mark.parametrize("device", DEVICES)
def test_multivariate_float32(device):
    case = random_gaussians(3, torch.Generator().manual_seed(9))
    result = kl_multivariate(*(x.to(device, torch.float32) for x in case))
    assert result.dtype == torch.float32
    assert result.item() == pytest.approx(kl_multivariate(*case).item(), rel=1e-4)
    shared = kl_multivariate(torch.zeros(7, 3).double(), case[1], case[2], case[3])
    assert shared.shape == (7,) and torch.equal(shared, shared[:1].expand(7))


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_symmetry_is_asked_for_up_to_rounding_at_any_scale(scale):
    mean, eye = torch.zeros(2), scale * torch.eye(2)
    for slip, accepted in ((1e-6, True), (1e-4, False)):
        cov = eye + scale * torch.tensor([[0.0, slip], [0.0, 0.0]])
        if accepted:
            assert kl_multivariate(mean, cov, mean, eye).item() == pytest.approx(0, abs=1e-6)
        else:
            with pytest.raises(ValueError, match="cov_1 must be symmetric"):
                kl_multivariate(mean, cov, mean, eye)


EYE, ZERO = torch.eye(2), torch.zeros(2)


@pytest.mark.parametrize(
    "call, parts",
    [
        (lambda: kl_standard(0.0, 0.0), ("variance", "positive", "0.0")),
        (lambda: kl_standard(math.nan, 1.0), ("mean", "finite", "nan")),
        (lambda: kl_standard(torch.zeros(2), torch.ones(3)), ("broadcast", "variance (3,)")),
        (lambda: kl_gaussian(0.0, -1.0, 0.0, 1.0), ("variance_1", "positive", "-1.0")),
        (lambda: kl_gaussian(0.0, 1.0, 0.0, 0.0), ("variance_2", "positive", "0.0")),
        (lambda: kl_gaussian(ZERO, 1.0, torch.zeros(3), 1.0), ("mean_1 (2,)", "mean_2 (3,)")),
        (lambda: kl_gaussian(ZERO.int(), 1.0, 0.0, 1.0), ("mean_1", "floating")),
        (lambda: kl_gaussian(0.0, 1.0, math.inf, 1.0), ("mean_2", "finite", "inf")),
        (lambda: kl_multivariate(ZERO, -EYE, ZERO, EYE), ("cov_1", "positive definite", "-1.0")),
        (lambda: kl_multivariate(ZERO, EYE, ZERO, 0 * EYE), ("cov_2", "positive definite")),
        (lambda: kl_multivariate(ZERO, EYE + EYE[0], ZERO, EYE), ("cov_1", "symmetric")),
        (lambda: kl_multivariate(ZERO, torch.eye(3), ZERO, EYE), ("cov_1", "d = 2", "(3, 3)")),
        (lambda: kl_multivariate(ZERO, EYE, ZERO, EYE.double()), ("cov_2", "dtype", "float64")),
        (lambda: kl_multivariate(ZERO[0], EYE, ZERO, EYE), ("mean_1", "(..., d)", "()")),
        (lambda: kl_multivariate(ZERO, EYE / 0, ZERO, EYE), ("cov_1", "finite")),
        (lambda: kl_multivariate(ZERO / 0, EYE, ZERO, EYE), ("mean_1", "finite")),
        (
            lambda: kl_multivariate(ZERO, EYE, torch.zeros(3), torch.eye(3)),
            ("mean_1 (2,)", "mean_2 (3,)"),
        ),
    ],
)
def test_refusals(call, parts):
    with pytest.raises(ValueError) as error:
        call()
    for part in parts:
        assert part in str(error.value), f"{part!r} not in {error.value}"
