"""A server on FastMCP 4.x, both eras on one URL."""

from fastmcp import Context, FastMCP

import serve

server = FastMCP("fastmcp")
serve.declare(server, Context)
serve.listen(server.http_app(), "/mcp")
