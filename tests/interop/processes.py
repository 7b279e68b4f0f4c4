"""Programs that run while checks look at them: the server under test and the SQL API server. Each has a port that
the system chose, a deadline for coming up, and is stopped whatever happens."""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import packages

# Far more than anything takes: a machine that stands still for a while must not fail a check.
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 120


def clean_environment(**settings):
    """The environment without any setting of the server that the person who runs this may have."""
    settings_of_ours = ("SNOWFLAKE_", "MCP_", "API_KEYS", "LOG_", "MAX_", "DEFAULT_QUERY", "ENABLE_", "READONLY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(settings_of_ours)}
    return {**kept, **settings}


class Process:
    """A child whose output is read to its end in the background."""

    def __init__(self, command, environment, folder):
        self.lines = []
        self.child = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.arrived = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stdout:
            with self.arrived:
                self.lines.append(line.rstrip("\n"))
                self.arrived.notify_all()
        with self.arrived:
            self.arrived.notify_all()

    def wait_for(self, pattern, seconds):
        """The first match of `pattern` in the output so far or to come."""
        deadline, seen = time.monotonic() + seconds, 0
        with self.arrived:
            while True:
                for line in self.lines[seen:]:
                    if found := re.search(pattern, line):
                        return found
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or self.child.poll() is not None and not self.reader.is_alive():
                    raise AssertionError(f"did not say {pattern!r}; it said: {self.tail()}")
                self.arrived.wait(min(left, 0.5))

    def tail(self):
        return " / ".join(self.lines[-6:]) or "nothing"

    def terminate(self):
        self.child.send_signal(signal.SIGTERM)

    def wait(self, seconds=STOP_SECONDS_MAX):
        """The exit code; a process that does not end in time is killed and told."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"did not end within {seconds} s; it said: {self.tail()}") from None

    def stop(self):
        if self.child.poll() is None:
            self.terminate()
            try:
                self.wait(10)
            except AssertionError:
                pass


class Server(Process):
    """The binary under test, over HTTP."""

    def __init__(self, binary, folder, *arguments, **settings):
        command = [str(binary), "http", "--port", "0", *arguments]
        super().__init__(command, clean_environment(**settings), folder)
        try:
            found = self.wait_for(r"listening on http://([^\s\"]+):(\d+)", START_SECONDS_MAX)
        except AssertionError:
            self.stop()
            raise
        self.host, self.port = found[1], int(found[2])
        self.http_url = f"http://{self.host}:{self.port}/mcp"
        self.websocket_url = f"ws://{self.host}:{self.port}/mcp"


class SqlApi(Process):
    """Snowflake's SQL API in front of a real SQL engine, as somebody else wrote it."""

    USER, ACCOUNT, TOKEN = "TESTUSER", "TESTORG-TESTACCT", "a-token-made-for-this-run"
    OAUTH, WORKLOAD = "an-oauth-token-made-for-this-run", "a-workload-token-made-for-this-run"

    def __init__(self, script, folder):
        self.folder = Path(folder)
        self.key = self._make_key()
        port_file = self.folder / "port"
        command = [packages.python("snowflake"), "-W", "ignore", str(script), "--port", "0"]
        command += ["--port-file", str(port_file), "--database", "DB1"]
        command += ["--seed", str(Path(__file__).with_name("seed.sql"))]
        command += ["--pubkey", f"{self.ACCOUNT}.{self.USER}={self.folder / 'key.pub'}"]
        command += ["--pat", f"{self.USER}={self.TOKEN}"]
        command += ["--oauth", f"{self.USER}={self.OAUTH}", "--wif", f"{self.USER}=WIF.OIDC.{self.WORKLOAD}"]
        (self.folder / "workload-token").write_text(self.WORKLOAD + "\n")
        super().__init__(command, clean_environment(), folder)
        try:
            found = self.wait_for(r"listening on http://([^\s:]+):(\d+)", START_SECONDS_MAX)
        except AssertionError:
            self.stop()
            raise
        self.host, self.port = found[1], int(found[2])

    def _make_key(self):
        openssl = packages.require("openssl", "openssl")
        key, public = self.folder / "key.p8", self.folder / "key.pub"
        for command in (
            [openssl, "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key],
            [openssl, "pkey", "-in", key, "-pubout", "-out", public],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=60)
        key.chmod(0o600)
        return key

    def settings(self, with_token=False):
        """What a server needs to reach this one."""
        common = {
            "SNOWFLAKE_ACCOUNT": self.ACCOUNT,
            "SNOWFLAKE_HOST": self.host,
            "SNOWFLAKE_PORT": str(self.port),
            "SNOWFLAKE_PROTOCOL": "http",
        }
        if with_token:
            method = {"SNOWFLAKE_AUTHENTICATOR": "PROGRAMMATIC_ACCESS_TOKEN", "SNOWFLAKE_TOKEN": self.TOKEN}
        else:
            method = {"SNOWFLAKE_USER": self.USER, "SNOWFLAKE_PRIVATE_KEY_PATH": str(self.key)}
        return {**common, **method}

    def contract_variables(self):
        """What the Rust contract tests need to run against this one."""
        return {
            "SNOWFLAKE_CONTRACT_URL": f"http://{self.host}:{self.port}",
            "SNOWFLAKE_CONTRACT_KEY": str(self.key),
            "SNOWFLAKE_CONTRACT_TOKEN": self.TOKEN,
            "SNOWFLAKE_CONTRACT_OAUTH": self.OAUTH,
            "SNOWFLAKE_CONTRACT_WIF": str(self.folder / "workload-token"),
        }


def scratch():
    """An empty folder that goes away; servers run in it, so that no .env is found."""
    return tempfile.TemporaryDirectory(prefix="snowflake-mcp-interop-")


def output_of(command, seconds, environment=None, folder=None):
    """Standard output of a command that must succeed in time."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            env=environment,
            cwd=folder,
        )
    except subprocess.TimeoutExpired:
        raise AssertionError(f"no end within {seconds} s") from None
    if done.returncode != 0:
        told = (done.stderr.strip() or done.stdout.strip()).splitlines()
        # Python tells the error last, Node before the stack.
        errors = [line.strip() for line in told if re.search(r"\w*(Error|Exception)\b", line) and "File " not in line]
        raise AssertionError(f"exit code {done.returncode}: {' / '.join(errors[-3:] or told[-3:])}")
    return done.stdout


def last_json(text):
    """The last line of `text` that is a JSON object."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise AssertionError(f"no JSON object in: {text[-500:]}")
