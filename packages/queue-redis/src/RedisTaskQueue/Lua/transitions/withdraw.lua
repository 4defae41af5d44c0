-- Removes tasks from every place that could hand them out, and ends their leases. `states`: their
-- `s`.
-- include: record/counts
-- include: transitions/ready
-- include: transitions/unlease
local function withdraw(x, ids, states)
  local places, members = {}, {}
  local handed, timed = 0, 0
  for i, id in ipairs(ids) do
    local state = states[i]
    local kind = state and sub(state, 1, 1)
    local place = x.id .. SEP .. id
    if kind == 'h' then
      handed = handed + 1
      places[#places + 1] = place
      members[#places] = state
    elseif kind == 'u' then
      local wait = call('HGET', x.key, 'w' .. id)
      local _, timer = string.match(wait, '^(%d+)' .. SEP .. '(.*)$')
      if timer ~= '' then
        timed = timed + 1
        call('ZREM', TIMERS, timer) -- guard: timer-ends-with-its-task
      end
      call('HDEL', x.key, 'w' .. id, 'c' .. id)
      -- A timed-out wait: the task has a member although its wait was not satisfied.
      local fired = call('HGET', TIMEOUTS, place)
      if fired then
        places[#places + 1] = place
        members[#places] = 'h' .. string.match(fired, '^%d+' .. SEP .. '(.*)$')
      end
    end
  end
  count(x, 'H', -handed)
  count(x, 'K', -timed)
  if #places == 0 then return end
  local leases = unlease(places, true)
  if hasFired() then put('HDEL', TIMEOUTS, places) end -- guard(false): timeout-ends-with-its-task
  local ready = {}
  for i = 1, #places do
    if not leases[i] then ready[#ready + 1] = sub(members[i], 2) end
  end
  if #ready == 0 then return end
  local timers, held, shares = {}, {}, {}
  for i, member in ipairs(ready) do
    timers[i] = 'd' .. SEP .. member
    held[i] = x.id .. SEP .. member
    shares[shareOf(member)] = true
  end
  write()
  put('ZREM', READY, ready) -- guard: settled-is-not-ready
  put('ZREM', TIMERS, timers) -- guard: settled-is-not-delayed
  put('ZREM', HELD, held) -- guard: settled-is-not-held
  tidy(shares) -- guard: empty-share-loses-its-turn
end
