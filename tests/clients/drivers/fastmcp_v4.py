"""Drives the FastMCP 4.x client; jobs and reports as in driver.py."""

import httpx2
from fastmcp import Client
from fastmcp.client.transports import SSETransport, StreamableHttpTransport

import driver


class Raw:
    """FastMCP's client under the names that `exercise` uses, with the protocol's own results."""

    def __init__(self, client: Client):
        self.list_tools = client.list_tools_mcp
        self.list_resources, self.read_resource = client.list_resources_mcp, client.read_resource_mcp
        self.list_prompts, self.get_prompt = client.list_prompts_mcp, client.get_prompt_mcp
        self._call = client.call_tool_mcp

    def call_tool(self, name: str, arguments: dict, progress_callback=None):
        return self._call(name, arguments, progress_handler=progress_callback)


async def run(job: dict, wire: driver.Wire, watch: driver.Watch) -> dict:
    kind = SSETransport if job.get("transport") == "sse" else StreamableHttpTransport
    transport = kind(job["url"], httpx_client_factory=wire.client)
    async with Client(transport, mode=job["era"], log_handler=watch.on_log, sampling_handler=_sample) as client:
        return {"version": client.protocol_version} | await driver.exercise(Raw(client), job["plan"], watch)


def _sample(_messages, _params, _context) -> str:
    return driver.SAMPLED


driver.main(run, httpx2)
