-- The parts of a lease as it is stored: lane, client, nonce, worker, member, with separators between them.
local parts = '^[^' .. SEP .. ']*' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '(.*)$'
local function parse(value)
  local client, nonce, worker, member = string.match(value, parts)
  return { nonce = nonce, worker = worker, client = client, member = member }
end
