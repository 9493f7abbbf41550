"""Runs a command against a started deployment: with_mcp.py [--shape full|split] -- COMMAND [ARG...]

The command finds it in MCP_E2E_URL, MCP_E2E_USER, MCP_E2E_PASSWORD, MCP_E2E_TOKEN and MCP_E2E_CA.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import harness


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=("full", "split"), default="full")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    command = [part for index, part in enumerate(arguments.command) if not (index == 0 and part == "--")]
    if not command:
        parser.error("no command given")
    with harness.Stack(arguments.shape, ("currenttime", "realserverfaketools")) as stack:
        env = os.environ | {
            "MCP_E2E_URL": stack.url, "MCP_E2E_USER": "admin", "MCP_E2E_PASSWORD": stack.password,
            "MCP_E2E_TOKEN": stack.api.token, "MCP_E2E_CA": str(stack.ca),
            # Node trusts it by this variable only, and only when it is set at the start.
            "NODE_EXTRA_CA_CERTS": str(stack.ca),
        }
        status = subprocess.run(command, env=env, stdin=subprocess.DEVNULL).returncode
        if status:
            stack.show_logs()
        return status


if __name__ == "__main__":
    sys.exit(main())
