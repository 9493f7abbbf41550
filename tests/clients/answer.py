"""What both client scripts send and print. The token comes by environment, never by argument."""

import json
import os
import ssl

TOOL = "current_time_by_timezone"
ARGUMENTS = {"tz_name": "Asia/Tokyo"}
WRONG_ARGUMENTS = {"tz_name": "Nowhere/Land"}


def headers() -> dict[str, str]:
    return {"Authorization": f"Bearer {os.environ['MCP_TEST_TOKEN']}"}


def tls_context() -> ssl.SSLContext:
    """Trusts the development CA and nothing else."""
    return ssl.create_default_context(cafile=os.environ["MCP_TEST_CA"])


async def is_refused(call) -> bool:
    """Whether a call ends as a tool error or a protocol error, rather than a result."""
    try:
        result = await call
    except Exception as error:
        if type(error).__name__ not in ("McpError", "MCPError"):
            raise
        return True
    return is_error(result)


def is_error(result) -> bool:
    """`isError` under the name that either client gives it."""
    return bool(getattr(result, "is_error", False) or getattr(result, "isError", False))


def report(version: str, tools: list[str], result, wrong_is_error: bool) -> None:
    texts = [block.text for block in result.content if block.type == "text"]
    print(json.dumps({"version": version, "tools": tools, "failed": is_error(result), "texts": texts, "wrong_is_error": wrong_is_error}))
