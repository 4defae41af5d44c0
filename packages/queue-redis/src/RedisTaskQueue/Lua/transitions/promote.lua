-- Handles expired leases and timers. Every step does this first, so that no process needs to poll.
-- include: transitions/expire
local function promote()
  local all = meta()
  if all.due > now then return end
  local due = NEVER
  local function overdue(key)
    local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if not first[2] then return {} end
    if tonumber(first[2]) > now then
      due = math.min(due, tonumber(first[2]))
      return {}
    end
    -- There may be more than are handled now: the next step follows immediately.
    due = now
    return call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 200)
  end
  local expired, places = overdue(LEASES), {}
  for i = 1, #expired, 2 do places[#places + 1] = expired[i] end
  expire(places, true)
  local timers = overdue(TIMERS)
  for i = 1, #timers, 2 do
    local timer, at = timers[i], tonumber(timers[i + 1])
    call('ZREM', TIMERS, timer)
    local first = find(timer, SEP, 1, true)
    local kind = sub(timer, 1, first - 1)
    local member = sub(timer, first + 1)
    if kind ~= 'd' then
      -- A wait timed out: the task is as old as tasks that became ready at that time. `timeouts`
      -- records which run waited.
      local share, place = shareOf(member), placeOf(member)
      local depth = sub(member, #share + DEPTH_AT, #share + PLACE_AT - 1)
      member = sub(member, 1, #share + RANK_AT - 1) .. rankOf(next_('age', 1, at * 1000), depth) .. place
      call('HSET', TIMEOUTS, place, kind .. SEP .. member)
      someFired = true
    end
    push(executionOf(member), { member })
  end
  -- An empty queue must not create keys.
  if due < NEVER or all.due > 0 then changed.due = true end
  all.due = due
end
