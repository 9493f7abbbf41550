"""A server on Python's `mcp` 2.x, both eras on one URL."""

from mcp.server.mcpserver import Context, MCPServer

import serve

server = MCPServer("python2")
serve.declare(server, Context)
serve.listen(server.streamable_http_app(), "/mcp")
