-- Ends a lease and returns it; nil if the task is settled or leased by another worker by now.
-- include: transitions/unlease
local function giveBack(x, task, nonce)
  local place = x.id .. SEP .. task
  local value = call('HGET', LEASED, place)
  if not value then return nil end
  local lease = parse(value)
  if lease.nonce ~= nonce then return nil end -- guard(false): fence-of-the-lease
  unlease({ place })
  return lease
end
