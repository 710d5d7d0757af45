-- Sends requests that were signed beforehand, one after the other and again from the first: wrk then measures the
-- server and not the signing. The folder with the requests is the first argument; see load.py for its format.

local requests = {}
local next_request = 0

local function read(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return text
end

function init(arguments)
  local folder = arguments[1]
  local number = 0
  while true do
    local head = read(folder .. "/" .. number .. ".head")
    if not head then
      break
    end
    local headers = {}
    for name, value in head:gmatch("([^\n:]+): ([^\n]*)\n") do
      headers[name] = value
    end
    requests[number + 1] = wrk.format("POST", "/", headers, read(folder .. "/" .. number .. ".body"))
    number = number + 1
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end
