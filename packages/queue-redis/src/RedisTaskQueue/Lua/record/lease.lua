-- The parts of a stored lease: lane, client, nonce, worker and member, separated.
local parts = '^[^' .. SEP .. ']*' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '(.*)$'
local function parse(value)
  local client, nonce, worker, member = string.match(value, parts)
  return { nonce = nonce, worker = worker, client = client, member = member }
end
