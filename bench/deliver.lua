-- Sends one webhook over and over, each time under an id of its own, which is no part of what is signed. The arguments
-- are the files of its head, its body, and what its ids begin with.

local before, after, prefix
local number = 0

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function init(arguments)
  local headers = {}
  for name, value in read(arguments[1]):gmatch("([^\n:]+): ([^\n]*)\n") do
    headers[name] = value
  end
  headers["X-GitHub-Delivery"] = "ID"
  local whole = wrk.format("POST", "/webhooks/github", headers, read(arguments[2]))
  before, after = whole:match("^(.-X%-GitHub%-Delivery: )ID(\r\n.*)$")
  prefix = arguments[3]
end

function request()
  number = number + 1
  return before .. prefix .. string.format("%012x", number) .. after
end
