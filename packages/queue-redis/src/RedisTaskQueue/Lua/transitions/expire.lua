-- Leases end although nobody gave the tasks back: they are ready again, as old as they were. `own`: whether this client is told too.
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
