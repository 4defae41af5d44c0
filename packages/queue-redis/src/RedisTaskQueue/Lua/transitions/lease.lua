-- Turns picks (share, member, turn) into leases with consecutive numbers. Returns the first number
-- and the members, and for timed-out waits the run that waited.
-- include: call/commands
-- include: call/counters
-- include: call/seldom
local function lease(worker, picks)
  local first = tick(#picks)
  local number = format(WHOLE, first)
  local leased, expiries, places, members = {}, {}, {}, {}
  local owner = SEP .. worker .. SEP
  -- As text, because a number would be formatted again for each lease.
  local expiry = format(WHOLE, now + TTL)
  for i, pick in ipairs(picks) do
    local share, member = pick[1], pick[2]
    local place = sub(member, #share.name + PLACE_AT)
    local at = 2 * i
    places[i], members[i] = place, member
    leased[at - 1] = place
    leased[at] = share.lane .. SEP .. mine .. (i == 1 and number or format(WHOLE, first + i - 1)) .. owner .. member
    expiries[at - 1], expiries[at] = expiry, place
  end
  put('HSET', LEASED, leased)
  put('ZADD', LEASES, expiries)
  becomesDue(now + TTL) -- guard: due-with-every-lease
  if not hasFired() then return { number, members } end
  local runs = {}
  local fired = get(TIMEOUTS, places)
  for i = 1, #places do
    if fired[i] then runs[tostring(i)] = string.match(fired[i], '^%d+') end
  end
  return { number, members, runs }
end
