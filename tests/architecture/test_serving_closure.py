"""The service fetches nothing and unpickles nothing: no module that it loads of the project's calls what would.

Libraries are outside this: safetensors reads the weights, whose sha256 is checked first (components/artefacts.py).
"""

from __future__ import annotations

import ast

import pytest

from tests.architecture.closure import ROOT, files_needed

FORBIDDEN_MODULES = {
    "aiohttp", "cloudpickle", "dill", "ftplib", "http", "httpx", "joblib", "marshal", "pickle", "requests", "shelve",
    "smtplib", "subprocess", "telnetlib", "urllib3", "xmlrpc",
}  # fmt: skip
FORBIDDEN_NAMES = {"urllib.request", "urllib.robotparser", "multiprocessing"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "torch.load", "os.system", "os.popen", "yaml.load"}
SERVICE = "serving.service"
BEFORE_SERVING = {"components/promptable/runtimes/choosing.py": {"subprocess"}}
"""What may stand all the same: where the runtime is `auto`, candidates are timed in a process of the project's own
module before a model answers, with nothing on its command line that came from a request."""


def faults(source: str) -> set[str]:
    """The imports and calls in Python source that could fetch something, or run what it holds."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {n for n in names if n.split(".")[0] in FORBIDDEN_MODULES or n in FORBIDDEN_NAMES}
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in FORBIDDEN_CALLS:
                found.add(called)
            if called.split(".")[-1] == "load" and any(k.arg == "allow_pickle" for k in node.keywords):
                found.add(f"{called}(allow_pickle)")
    return found


def test_no_module_of_the_service_fetches_or_unpickles() -> None:
    needed = sorted(path for path in files_needed(SERVICE) if path.endswith(".py"))
    assert len(needed) > 60 and "components/artefacts.py" in needed
    found = {path: faults((ROOT / path).read_text(encoding="utf-8")) for path in needed}
    assert {path: what for path, what in found.items() if what} == BEFORE_SERVING


def test_no_schema_of_a_request_takes_an_address() -> None:
    for path in (ROOT / "serving/schema").glob("*.py"):
        text = path.read_text(encoding="utf-8").lower()
        assert "anyurl" not in text and "httpurl" not in text and "filepath" not in text, path


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from urllib.request import urlopen",
        "from urllib import request",
        "import torch\ntorch.load('x')",
        "import numpy as np\nnp.load(f, allow_pickle=True)",
        "import httpx",
        "def f():\n    import subprocess",
        "eval('1')",
        "import yaml\nyaml.load(x, Loader=y)",
    ],
)
def test_such_calls_are_found(source: str) -> None:
    assert faults(source)


def test_others_are_not() -> None:
    assert not faults("from urllib.parse import urlsplit\nimport yaml\nyaml.safe_load(x)\nimport re\nre.compile('x')")
