"""No network while verifying, and nothing that turns data into code."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("derivations", "core", "audit", "repro")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))

# What the interpreter runs first: from here on no address can be looked up or connected to.
# Sockets between the processes of this machine are left: multiprocessing talks over them.
CUT = """
import socket

class Cut(Exception):
    pass

def refuse(*arguments, **options):
    raise Cut(f"the network was asked for: {arguments[:2]}")

plain = socket.socket

class Socket(plain):
    def connect(self, address):
        return super().connect(address) if self.family == socket.AF_UNIX else refuse(address)

    def connect_ex(self, address):
        return super().connect_ex(address) if self.family == socket.AF_UNIX else refuse(address)

    def sendto(self, *arguments):
        refuse(*arguments)

socket.socket = Socket
socket.create_connection = socket.getaddrinfo = socket.gethostbyname = refuse
"""


def run(tmp_path, *arguments):
    (tmp_path / "sitecustomize.py").write_text(CUT)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    environment.pop("AUDIT_DOCUMENT", None)
    return subprocess.run([sys.executable, *arguments], env=environment, cwd=ROOT, text=True,
                          capture_output=True, timeout=300, check=False)


def test_the_network_is_cut(tmp_path):
    code = "import socket\ntry:\n    {}\nexcept Exception as e:\n    print(type(e).__name__)"
    for call in ("socket.create_connection(('127.0.0.1', 9))", "socket.getaddrinfo('a.test', 80)",
                 "socket.socket().connect(('127.0.0.1', 9))",
                 "__import__('urllib.request').request.urlopen('http://127.0.0.1:9')"):
        assert run(tmp_path, "-c", code.format(call)).stdout.strip() == "Cut", call


def test_verify_without_a_network(tmp_path):
    done = run(tmp_path, "-m", "audit", "verify", "kl.*", "--json", str(tmp_path / "audit.json"))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "confirmed" in done.stdout and (tmp_path / "audit.json").exists()


def test_every_module_imports_without_a_network(tmp_path):
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES
             if path.is_relative_to(ROOT / "derivations") or path.is_relative_to(ROOT / "core")]
    code = f"import importlib\nfor n in {names!r}:\n    importlib.import_module(n)\nprint('done')"
    done = run(tmp_path, "-c", code)
    assert done.stdout == "done\n", done.stderr[-2000:]


# --- By the syntax: what a module calls and imports.

CODE_FROM_DATA = {"eval", "exec", "compile", "__import__", "execfile"}
MODULES_THAT_UNPICKLE = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle",
                         "joblib"}  # fmt: skip
NETWORK = {"socket", "ssl", "http", "urllib", "ftplib", "smtplib", "requests", "httpx", "aiohttp"}
# Path, name: why it is right.
ALLOWED = {
    ("derivations/listings/unet_listing.py", "compile"): "parses a literal construct, runs nothing",
    ("repro/download.py", "http"): "fetches a data set, checked by its SHA-256",
    ("repro/download.py", "socket"): "the same",
    ("repro/download.py", "ssl"): "the same",
    ("repro/download.py", "urllib"): "the same",
    ("repro/measuring.py", "torch.compile"): "compiles a network of core, not a text",
    ("repro/plan.py", "torch.compile"): "compiles a network of core, not a text",
    ("repro/trainer.py", "torch.compile"): "compiles a function of core, not a text",
}


def dotted(node):
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def offences(tree):
    """What turns data into code, or reaches a network: (name, line)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = ([node.module or ""] if isinstance(node, ast.ImportFrom)
                     else [alias.name for alias in node.names])
            for name in names:
                if name.split(".")[0] in MODULES_THAT_UNPICKLE | NETWORK:
                    yield name.split(".")[0], node.lineno
        elif isinstance(node, ast.Name) and node.id in CODE_FROM_DATA:
            yield node.id, node.lineno  # its name alone: f = eval is as bad
        elif isinstance(node, ast.Call):
            name, keywords = dotted(node.func), {k.arg: k.value for k in node.keywords}
            last = name.rpartition(".")[2]
            safely = getattr(keywords.get("weights_only"), "value", None) is True
            if name.startswith("torch.") and last == "load" and not safely:
                yield "torch.load", node.lineno
            if last in {"compile", "eval", "exec"} and name.split(".")[0] in {"builtins", "torch"}:
                yield name, node.lineno
            if name in {"os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "torch.jit.load",
                        "torch.hub.load", "subprocess.getoutput"}:  # fmt: skip
                yield name, node.lineno
            allow = keywords.get("allow_pickle", keywords.get("shell"))
            if allow is not None and getattr(allow, "value", None) is not False:
                yield "allow_pickle or shell", node.lineno


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_turns_data_into_code(path):
    here = path.relative_to(ROOT).as_posix()
    found = offences(ast.parse(path.read_text(encoding="utf-8")))
    assert [(name, line) for name, line in found if (here, name) not in ALLOWED] == []


def test_no_allowance_outlives_its_reason():
    for here, name in ALLOWED:
        found = {n for n, _ in offences(ast.parse((ROOT / here).read_text(encoding="utf-8")))}
        assert name in found, f"{here} no longer needs {name}"


@pytest.mark.parametrize("text, name", [
    ("eval('1')", "eval"), ("run = exec", "exec"), ("compile(x, 'f', 'exec')", "compile"),
    ("__import__('os')", "__import__"), ("import pickle", "pickle"), ("import dill as d", "dill"),
    ("def f():\n    from marshal import loads", "marshal"), ("import urllib.request", "urllib"),
    ("torch.load(f)", "torch.load"), ("torch.load(f, weights_only=False)", "torch.load"),
    ("torch.load(f, weights_only=flag)", "torch.load"), ("os.system(c)", "os.system"),
    ("subprocess.run(c, shell=True)", "allow_pickle or shell"), ("yaml.load(t)", "yaml.load"),
    ("np.load(f, allow_pickle=True)", "allow_pickle or shell"),
    ("torch.hub.load(r)", "torch.hub.load"),
    ("builtins.eval(x)", "builtins.eval"),
])  # fmt: skip
def test_each_offence_is_seen(text, name):
    assert name in {found for found, _ in offences(ast.parse(text))}


@pytest.mark.parametrize("text", [
    "torch.load(f, weights_only=True)", "model.eval()", "re.compile('a')", "yaml.safe_load(t)",
    "subprocess.run(c, shell=False)", "from repro.download import fetch",
])  # fmt: skip
def test_what_is_harmless_is_let_through(text):
    assert list(offences(ast.parse(text))) == []
