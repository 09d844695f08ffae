"""A pytest plugin: a test that could not have failed fails.

- It passed without passing one statement that can fail: no assertion in it or in what it calls, a
  return before the first, a loop over nothing, a body that was never entered.
- It is a property test, and fewer examples than it states got as far as an assertion and the end;
  examples that `assume` rejects do not count.
- It is parametrised by an empty list.
- It holds NaN equal to NaN, or compares shapes that broadcast; `comparing` says which calls.

Files that are not named test_* (the benchmarks) measure, and are left alone.
"""

import functools
import hashlib
from contextlib import contextmanager
from pathlib import Path

import instrument
import pytest
from _pytest.assertion import rewrite

_ORIGINAL = rewrite.rewrite_asserts


def _rewrite_asserts(tree, source, path=None, config=None):
    if path is None or "site-packages" not in Path(path).parts:
        instrument.instrument(tree)
    _ORIGINAL(tree, source, path, config)


def _install():
    """pytest offers no hook at this place; its own rewriting of asserts is the only way in.

    Changed modules are cached under a name of their own, which changes when the guards do.
    """
    if _ORIGINAL.__module__ != __name__:
        text = b"".join(Path(m).read_bytes() for m in (__file__, instrument.__file__))
        rewrite.PYC_TAIL = f".guards-{hashlib.sha256(text).hexdigest()[:12]}{rewrite.PYC_TAIL}"
        rewrite.rewrite_asserts = _rewrite_asserts


_install()


def pytest_configure(config):
    """Without rewriting there would be nothing to count."""
    if config.getoption("assertmode") == "plain":
        raise pytest.UsageError("--assert=plain: the guards against vacuous tests need rewriting")


@pytest.hookimpl(tryfirst=True)  # before pytest skips
def pytest_runtest_setup(item):
    """pytest skips a test with no parameters; here it fails."""
    for mark in item.iter_markers("skip"):
        if str(mark.kwargs.get("reason", "")).startswith("got empty parameter set"):
            pytest.fail("vacuous: parametrised by an empty list", pytrace=False)


@contextmanager
def _effective_examples(function):
    """Count the examples that reach an assertion and the end."""
    handle = getattr(function, "hypothesis", None)
    effective = [0]
    if handle is None:
        yield effective
        return
    inner = handle.inner_test

    @functools.wraps(inner)
    def counted(*args, **kwargs):
        before = instrument.count()
        result = inner(*args, **kwargs)
        effective[0] += instrument.count() > before
        return result

    handle.inner_test = counted
    try:
        yield effective
    finally:
        handle.inner_test = inner


def _stated_examples(function):
    """What the settings promise, and every explicit example besides."""
    if not hasattr(function, "hypothesis"):
        return 0
    from hypothesis import Phase, settings

    stated = getattr(function, "_hypothesis_internal_use_settings", None) or settings()
    drawn = stated.max_examples if Phase.generate in stated.phases else 0
    return drawn + len(getattr(function, "hypothesis_explicit_examples", ()))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Fail the test that passed for no reason."""
    function, before = pyfuncitem.obj, instrument.count()
    with _effective_examples(function) as effective:
        result = yield
    if not pyfuncitem.path.name.startswith("test_"):
        return result
    if instrument.count() == before:
        pytest.fail("vacuous: passed without reaching an assertion", pytrace=False)
    stated = _stated_examples(function)
    if effective[0] < stated:
        pytest.fail(f"vacuous: {effective[0]} of the {stated} examples that it states reached an "
                    "assertion and the end", pytrace=False)  # fmt: skip
    return result
