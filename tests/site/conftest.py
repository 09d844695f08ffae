"""A result as a run would write it, made without running; and the site of it, built once."""

import copy
import json
import os

import pytest
from filelock import FileLock

from audit import comparisons
from audit.comparison import COMPARISONS
from audit.evidence import Control, Evidence
from audit.site import build, result
from audit.status import Record
from audit.summary import digest, summarise
from derivations.second import opinions

WHERE = {
    "commit": "0" * 40, "dirty": False, "python": "3.11", "packages": {"sympy": "1.14.0"},
    "platform": "test", "devices": ["cpu"], "seed": 0, "seconds": 1.0,
}


def shared(tmp_path_factory):
    """A folder that all workers of one run share."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", os.getpid())
    place = tmp_path_factory.getbasetemp().parent / f"site-{run}"
    place.mkdir(exist_ok=True)
    return place


def pretended(claim):
    """A record in which every check passes and every wrong variant is rejected."""
    evidence, controls = [], []
    for check in claim.proof():
        evidence.append(Evidence(claim.id, check.kind, check.grade, check.role, True, 0.01,
                                 check.reason, "the detail of a check"))
        controls += [Control(claim.id, name, True, "refuted", len(evidence))
                     for name in check.wrong]
    for check in opinions.checks(claim.id):
        evidence.append(Evidence(claim.id, check.kind, check.grade, check.role, True, 0.01,
                                 check.reason, "the detail of a check"))
        controls += [Control(claim.id, name, True, "refuted", len(evidence))
                     for name in check.wrong]
    for c in COMPARISONS.get(claim.id, ()):
        evidence.append(Evidence(claim.id, c.kind, c.grade, c.role, True, 0.01, c.reason,
                                 "within 0.5; cpu", c.code))
        controls += [Control(claim.id, name, True, "mismatch", len(evidence)) for name in c.wrong]
    return Record(claim.id, claim.decide_witness(), tuple(evidence), tuple(controls), 0.1)


@pytest.fixture
def pretend():
    """The record of a claim as if it had been run."""
    return pretended


@pytest.fixture(scope="session")
def summary_text(ledger, tmp_path_factory):
    """The text of an audit.json in which all is confirmed; made once for all workers."""
    place = shared(tmp_path_factory)
    with FileLock(place / "summary.lock"):
        path = place / "audit.json"
        if not path.exists():
            comparisons.load()
            records = {id: pretended(claim) for id, claim in ledger.items()}
            path.write_text(json.dumps(summarise(ledger, records, {}, WHERE)))
    return path.read_text()


@pytest.fixture
def summary(summary_text):
    """A fresh copy that a test may break."""
    return copy.deepcopy(json.loads(summary_text))


def signed(summary):
    """The summary with the digest that its content has."""
    return {**summary, "digest": digest(summary)}


@pytest.fixture
def as_file(tmp_path):
    """Write a summary, or any text, where the site reads it."""

    def write(content):
        path = tmp_path / "audit.json"
        path.write_text(content if isinstance(content, str) else json.dumps(signed(content)))
        return path

    return write


@pytest.fixture(scope="session")
def site(ledger, summary_text, tmp_path_factory):
    """The folder of a confirmed site with its figures, built once for all workers."""
    place = shared(tmp_path_factory)
    with FileLock(place / "site.lock"):
        target = place / "site"
        if not target.exists():
            content = result.parse(summary_text)
            found = result.Result(content, result.judge(content, ledger))
            assert found.problems == ()
            build.build(target, found, ledger, with_figures=True)
    return target
