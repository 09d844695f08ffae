"""`nox -s supply-chain`: what this environment is made of, and `lock`, which pins it by hash.

    python tests/supply_chain.py          licences against tests/licences.toml; known
                                          vulnerabilities by pip-audit, where a network allows it
    python tests/supply_chain.py lock     write requirements-audit.txt anew, from constraints.txt

    pip install --no-deps --require-hashes -r requirements-audit.txt && pip install -c \
constraints.txt torch

torch is not in the file: its build for the CPU and its builds for CUDA (with some 15 packages that
only these need) have one version and different hashes, and which is right depends on the machine.
Hashes are those of the wheels for Linux x86_64, for each Python in PYTHONS.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-audit.txt"
LICENCES = Path(__file__).with_name("licences.toml")
PYTHONS = ("3.11", "3.12")
TORCH_NEEDS = ("filelock", "fsspec", "jinja2", "networkx", "setuptools", "sympy",
               "typing-extensions")  # fmt: skip
CLASSIFIER = "License :: OSI Approved :: "
UNREACHABLE = ("ConnectionError", "ConnectTimeout", "Max retries exceeded", "ServiceError",
               "NameResolutionError", "ProxyError", "404", "403")  # fmt: skip


def normalised(name):
    """The name of a package as indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def hashes(python, requirements):
    """(name, version) -> SHA-256 of the wheel that pip would install for this Python."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed",
             "--only-binary=:all:", "--python-version", python, "--platform",
             "manylinux_2_28_x86_64", "--platform", "manylinux_2_27_x86_64", "--platform",
             "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64", "--platform",
             "manylinux_2_5_x86_64", "--target", folder, "--report", str(report),
             "-c", str(ROOT / "constraints.txt"), *requirements],
            check=True,
        )
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {(normalised(p["metadata"]["name"]), p["metadata"]["version"]):
            p["download_info"]["archive_info"]["hashes"]["sha256"] for p in found}


def lock():
    """Write requirements-audit.txt; nothing of it names the index that was asked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [*TORCH_NEEDS, *project["optional-dependencies"]["audit"]]
    pinned = defaultdict(set)
    for python in PYTHONS:
        for package, sha256 in hashes(python, requirements).items():
            pinned[package].add(sha256)
    text = ["# Written by python tests/supply_chain.py lock; that file says how to install it.",
            f"# Wheels for Linux x86_64, Python {' and '.join(PYTHONS)}; torch is not among them."]
    for (name, version), found in sorted(pinned.items()):
        lines = " \\\n    ".join(f"--hash=sha256:{h}" for h in sorted(found))
        text.append(f"{name}=={version} \\\n    {lines}")
    LOCK.write_text("\n".join(text) + "\n", encoding="utf-8")
    print(f"{LOCK.name}: {len(text) - 2} packages")
    return 0


def stated(distribution):
    """The licences that a package's metadata names: expression, classifiers or free text."""
    about = distribution.metadata
    expression = about.get("License-Expression")
    if expression:
        return sorted(set(re.split(r"\s+(?:AND|OR|WITH)\s+|[()]", expression)) - {""})
    classified = [c.removeprefix(CLASSIFIER) for c in about.get_all("Classifier") or ()
                  if c.startswith(CLASSIFIER)]
    free = (about.get("License") or "").strip().splitlines()
    return classified or (free[0].split(" AND ") if free else ["nothing"])


def licence_problems(distributions, allowed):
    """One line for each package with a licence that is not on the list."""
    problems = []
    for distribution in distributions:
        name = normalised(distribution.metadata["Name"])
        if name in allowed["packages"]:
            continue
        wrong = [licence for licence in stated(distribution) if licence not in allowed["licences"]]
        if wrong:
            problems.append(f"{name} {distribution.version}: {', '.join(wrong)}")
    return sorted(problems)


def vulnerabilities():
    """(lines about what was found, lines about what was not checked and why)."""
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner",
         "off", "--format", "json"], capture_output=True, text=True, check=False,
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        if "No module named pip_audit" in done.stderr:
            return [], ["any package: pip-audit is not installed"]
        if any(word in done.stderr for word in UNREACHABLE):
            return [], ["any package: no network"]
        return [f"pip-audit failed: {done.stderr[-500:]}"], []
    return known(packages), skipped(packages)


def known(packages):
    """The vulnerabilities that pip-audit names."""
    return [f"{p['name']} {p['version']}: {v['id']}, mended in {v['fix_versions'] or 'nothing yet'}"
            for p in packages for v in p.get("vulns", ())]


def skipped(packages):
    """The packages that pip-audit passed over: of a mirror that has no advisories, all of them."""
    return [f"{p['name']}: {p['skip_reason']}" for p in packages
            if p.get("skip_reason") and normalised(p["name"]) != "diffusion-audit"]


def check():
    """Print licences and vulnerabilities; 1 where anything was found."""
    allowed = tomllib.loads(LICENCES.read_text(encoding="utf-8"))
    here = list(metadata.distributions())
    problems = licence_problems(here, allowed)
    print(f"licences: {len(here)} packages, {len(problems)} not on the list of {LICENCES.name}")
    found, unchecked = vulnerabilities()
    print(f"vulnerabilities: {len(found)} found")
    if unchecked:
        more = f", and {len(unchecked) - 1} more" * (len(unchecked) > 1)
        print(f"NOT CHECKED for vulnerabilities: {unchecked[0]}{more}")
    for line in (*problems, *found):
        print(f"  {line}")
    return 1 if problems or found else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("check", "lock"), default="check")
    sys.exit({"check": check, "lock": lock}[parser.parse_args().what]())
