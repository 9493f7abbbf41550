"""What the Python client drivers share: jobs come in and reports go out, one JSON object a line.

A job names a URL, how to speak to it, and a plan: which tool to call, with which wrong calls, which tools ask
the client's model, which one reports progress, which resource and prompt to read. The report holds what the client's library made of the answers, to be compared with the
report of another path to the same server. The token comes by environment, never by argument. Start reading at `exercise`.
"""

import asyncio
import contextlib
import json
import os
import ssl
import sys
import traceback

JOB_SECONDS = 40
# What the client's model says when a server asks it.
SAMPLED = "An answer"
HTTP_SECONDS = 30


class Wire:
    """Makes HTTP clients for one job and notes what they see: versions, a session, how it was ended."""

    def __init__(self, httpx, job: dict):
        self.httpx, self.job = httpx, job
        self.versions: set[str] = set()
        self.session = False
        self.deletes: list[int] = []

    def client(self, headers=None, timeout=None, auth=None, **_more):
        """An HTTP client as a user of the library would make it; also the factory that libraries ask for."""
        if self.job.get("token", True):
            headers = dict(headers or {}) | {"Authorization": f"Bearer {os.environ['MCP_TEST_TOKEN']}"}
        # Trusts the development CA and nothing else.
        trust = ssl.create_default_context(cafile=os.environ["MCP_TEST_CA"])
        return self.httpx.AsyncClient(
            headers=headers, verify=trust, trust_env=False, timeout=timeout or HTTP_SECONDS, auth=auth,
            http2=self.job.get("http2", False), event_hooks={"response": [self._note]},
        )

    async def _note(self, response) -> None:
        self.versions.add(response.http_version)
        self.session = self.session or "mcp-session-id" in response.headers
        if response.request.method == "DELETE":
            self.deletes.append(response.status_code)

    def report(self) -> dict:
        return {"http": sorted(self.versions), "session": self.session, "deletes": self.deletes}


class Watch:
    """Progress and log notifications of one job, in the order of arrival."""

    def __init__(self):
        self.progress: list[list] = []
        self.logs: list[list] = []
        self.complete = asyncio.Event()

    async def on_progress(self, progress, total=None, message=None) -> None:
        self.progress.append([progress, total, message])
        if progress == total:
            self.complete.set()

    async def on_log(self, params) -> None:
        self.logs.append([params.level, params.data])


def plain(model) -> object:
    """A library's object as the JSON that it stands for."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def outcome(call) -> object:
    """The result of a call, or the protocol error that it ended with. Other failures are not outcomes."""
    try:
        return plain(await call)
    except Exception as error:
        if type(error).__name__ not in ("McpError", "MCPError"):
            raise
        return {"error": {"code": error.error.code, "message": error.error.message}}


async def watched_call(client, plan: dict, watch: Watch) -> dict:
    """Calls the tool that reports progress. Where the plan has a release, it comes only after all progress was seen."""
    call = asyncio.ensure_future(outcome(client.call_tool(plan["name"], plan["arguments"], progress_callback=watch.on_progress)))
    released = None
    if release := plan.get("release"):
        complete = asyncio.ensure_future(watch.complete.wait())
        await asyncio.wait({call, complete}, return_when=asyncio.FIRST_COMPLETED)
        if complete.cancel():
            raise AssertionError(f"{plan['name']} ended before its progress was seen: {await call}")
        released = await outcome(client.call_tool(release["name"], release["arguments"]))
    return {"result": await call, "released": released, "progress": watch.progress, "logs": watch.logs}


async def exercise(client, plan: dict, watch: Watch) -> dict:
    """Does with a connected client what the plan says, and reports what came back."""
    report = {"tools": [plain(tool) for tool in (await client.list_tools()).tools]}
    report["call"] = await outcome(client.call_tool(plan["call"]["name"], plan["call"]["arguments"]))
    report["wrong"] = [await outcome(client.call_tool(wrong["name"], wrong["arguments"])) for wrong in plan.get("wrong", [])]
    if asking := plan.get("asking"):
        report["asked"] = [await outcome(client.call_tool(one["name"], one["arguments"])) for one in asking]
    if progress := plan.get("progress"):
        report["watched"] = await watched_call(client, progress, watch)
    if uri := plan.get("resource"):
        report["resources"] = [plain(resource) for resource in (await client.list_resources()).resources]
        report["resource"] = await outcome(client.read_resource(uri))
    if prompt := plan.get("prompt"):
        report["prompts"] = [plain(found) for found in (await client.list_prompts()).prompts]
        report["prompt"] = await outcome(client.get_prompt(prompt["name"], prompt["arguments"]))
    return report


async def _answer(run, httpx, job: dict) -> dict:
    wire, watch = Wire(httpx, job), Watch()
    try:
        async with asyncio.timeout(JOB_SECONDS):
            report = await run(job, wire, watch)
    except Exception:
        return {"failure": traceback.format_exc(), **wire.report()}
    return report | wire.report()


async def _serve(run, httpx, out) -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await _answer(run, httpx, json.loads(line))), file=out, flush=True)


def main(run, httpx) -> None:
    """Answers jobs with `run(job, wire, watch)` until standard input ends. Libraries may print; it does not mix."""
    out, sys.stdout = sys.stdout, sys.stderr
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(run, httpx, out))
