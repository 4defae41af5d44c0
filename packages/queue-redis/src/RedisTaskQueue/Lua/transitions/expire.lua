-- Leases expire: their tasks are ready again with their original age. `own`: whether this client is
-- notified, too.
-- include: transitions/ready
-- include: transitions/unlease
local function expire(places, own)
  for _, value in ipairs(unlease(places, true, own)) do
    if value then
      local member = parse(value).member
      push(executionOf(member), { member })
    end
  end
end
