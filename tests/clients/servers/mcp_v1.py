"""A server on Python's `mcp` 1.x: mcp_v1.py http|sse"""

import sys

from mcp.server.fastmcp import Context, FastMCP

import serve

server = FastMCP("python1")
serve.declare(server, Context)
if sys.argv[1] == "sse":
    serve.listen(server.sse_app(), "/sse")
else:
    serve.listen(server.streamable_http_app(), "/mcp")
