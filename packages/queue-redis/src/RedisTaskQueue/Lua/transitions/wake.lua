-- Suspended tasks become ready because their waits are satisfied, in the order in which they were
-- suspended.
-- include: transitions/awake
local function wake(x, ids)
  if #ids == 0 then return end
  local anew, since = {}, {}
  for _, id in ipairs(ids) do
    local wait = call('HGET', x.key, 'w' .. id)
    local epoch, timer = string.match(wait, '^(%d+)' .. SEP .. '(.*)$')
    since[id] = tonumber(epoch)
    if timer ~= '' then
      call('ZREM', TIMERS, timer) -- guard: timer-ends-with-its-wait
      count(x, 'K', -1)
    end
    call('HDEL', x.key, 'w' .. id, 'c' .. id)
    local fired = call('HGET', TIMEOUTS, x.id .. SEP .. id)
    if fired then -- guard(false): woken-once
      -- Its wait timed out before: it has a member already.
      call('HSET', x.key, 's' .. id, 'h' .. string.match(fired, '^%d+' .. SEP .. '(.*)$'))
      count(x, 'H', 1)
    else
      anew[#anew + 1] = id
    end
  end
  table.sort(anew, function(a, b) return since[a] < since[b] end)
  awake(x, anew)
end
