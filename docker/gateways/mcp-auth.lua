-- Asks /auth/validate about each request, for haproxy.cfg beside it.

local url = os.getenv("MCP_AUTH_URL")
local credential = os.getenv("MCP_GATEWAY_CREDENTIAL")

-- The registry takes no larger message; without one, a request passes only for those who may use everything.
local MAX_BODY = 32 * 1024

-- The client's fields that the verdict hangs on. Nothing else of it goes along.
local PASSED = {
  "authorization", "x-authorization", "content-type", "content-encoding",
  "mcp-protocol-version", "mcp-method", "mcp-name",
}

-- What the verdict says of the caller.
local IDENTITY = {
  "x-user", "x-username", "x-scopes", "x-auth-method", "x-client-id", "x-server-name", "x-tool-name",
}

local function refuse(txn, status, answer)
  local reply = txn:reply({ status = status })
  reply:add_header("content-type", "application/problem+json")
  reply:add_header("cache-control", "no-store")
  if status == 401 then reply:add_header("www-authenticate", "Bearer") end
  reply:set_body(answer or "{}")
  txn:done(reply)
end

core.register_action("mcp_auth", { "http-req" }, function(txn)
  local client = txn.http:req_get_headers()
  local question = {
    ["x-gateway-authorization"] = { "Bearer " .. credential },
    ["x-original-url"] = { txn.f:pathq() },
    ["x-original-method"] = { txn.f:method() },
  }
  for _, name in ipairs(PASSED) do
    local values = client[name]
    if values then
      question[name] = {}
      for index = 0, #values do table.insert(question[name], values[index]) end
    end
  end
  local length = txn.f:req_body_len()
  local complete = length == txn.f:req_body_size()
  if txn.f:method() == "POST" and complete and length <= MAX_BODY then
    question["x-body"] = { "=?base64?" .. txn.c:base64(txn.f:req_body()) .. "?=" }
  end
  local answer = core.httpclient():get({ url = url, headers = question, timeout = 5000 })
  if not answer or answer.status ~= 200 then
    local status = answer and answer.status or 0
    local passed_on = status == 400 or status == 401 or status == 403
    return refuse(txn, passed_on and status or 503, passed_on and answer.body or nil)
  end
  for _, name in ipairs(IDENTITY) do
    local values = answer.headers[name]
    if values then txn.http:req_set_header(name, values[0]) end
  end
  txn:set_var("txn.mcp_allowed", true)
end)
