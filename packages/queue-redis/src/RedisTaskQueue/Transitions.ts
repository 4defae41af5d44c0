/**
 * How tasks go from one state to the next, in Lua, on top of `commons`: what is withdrawn, woken, settled and grown, what becomes due by
 * itself, and what others are told of it at the end.
 */
export const settling = `
-- Tasks are taken out of every place that could hand them out, whoever works on them. \`states\`: their \`s\`.
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
      -- Its time was over: it is handed out although nothing has come.
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

-- What suspended tasks wait for has come: whoever has waited longest is ready first.
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
      -- Its time was over before: it is handed out already.
      call('HSET', x.key, 's' .. id, 'h' .. string.match(fired, '^%d+' .. SEP .. '(.*)$'))
      count(x, 'H', 1)
    else
      anew[#anew + 1] = id
    end
  end
  table.sort(anew, function(a, b) return since[a] < since[b] end)
  awake(x, anew)
end

-- Something came; \`lists\` say who waits for it, and in which of its waits: answers those who have all they wait for.
local function arrive(x, lists)
  local woken = {}
  for _, list in ipairs(lists) do
    if list then
      for entry in string.gmatch(list, '[^' .. LIST .. ']+') do
        local epoch, id = string.match(entry, '^(%d+)' .. SEP .. '(.*)$')
        local wait = call('HGET', x.key, 'w' .. id)
        -- A wait that is over must not be counted for the next one.
        local current = wait and string.match(wait, '^%d+')
        if current == epoch then -- guard(true): wait-of-this-epoch
          if call('HINCRBY', x.key, 'c' .. id, -1) == 0 then woken[#woken + 1] = id end
        end
      end
    end
  end
  return woken
end

-- Answers the suspended ones that have all they wait for. With \`alone\`, several tasks are settled together only if nobody waits for any
-- of them: what is woken would otherwise come after what became ready later. Answers nil then, and has done nothing.
local function settle(x, ids, alone)
  local fields = { 'T', 'P', 'X', 'H', 'V' }
  for i, id in ipairs(ids) do
    local at = 2 * i + 5
    fields[at - 1], fields[at] = 's' .. id, 'd' .. id
  end
  local values = get(x.key, fields)
  x.tenant, x.tier = values[1], values[2]
  x.known = { X = values[3], H = values[4] }
  local waiters = values[5] and get(x.key, prefixed('v', ids)) or {}
  local fresh, states, dependents, waiting, seen, writes = {}, {}, {}, {}, {}, {}
  for i, id in ipairs(ids) do
    local state, list = values[2 * i + 4], values[2 * i + 5]
    -- A task that is not known may have dependents that wait for it to come.
    local isKnown = list and sub(list, 1, 1) == SEP
    if isKnown and state ~= 'x' and not seen[id] then -- guard(true): settled-once
      seen[id] = true
      local next = #fresh + 1
      fresh[next] = id
      states[next] = state
      dependents[next] = list
      if waiters[i] then waiting[#waiting + 1] = waiters[i] end
      writes[2 * next - 1] = fields[2 * i + 4]
      writes[2 * next] = 'x'
    end
  end
  if #fresh == 0 then return {} end
  if alone and #fresh > 1 and #waiting > 0 then return nil end
  withdraw(x, fresh, states)
  count(x, 'X', #fresh)
  -- Each dependent loses one dependency; those that have none left are ready, in the order in which they lost the last one.
  local order, lost, last = {}, {}, {}
  for i = 1, #fresh do
    for id in string.gmatch(dependents[i], NAMES) do
      order[#order + 1] = id
      lost[id] = (lost[id] or 0) + 1
      last[id] = #order
    end
  end
  local free, ranks = {}, {}
  if #order > 0 then
    local ordered, wanted = {}, {}
    for at, id in ipairs(order) do
      if last[id] == at then
        ordered[#ordered + 1] = id
        local next = #wanted
        wanted[next + 1], wanted[next + 2] = 'r' .. id, 's' .. id
      end
    end
    local found = get(x.key, wanted)
    for i, id in ipairs(ordered) do
      local value, state = found[2 * i - 1], found[2 * i]
      local at = find(value, SEP, 1, true)
      local left = tonumber(sub(value, 1, at - 1)) - lost[id]
      if left > 0 then -- guard(false): ready-when-all-settled
        writes[#writes + 1] = 'r' .. id
        writes[#writes + 1] = left .. sub(value, at)
      else
        if not state and not seen[id] then -- guard(true): settled-is-never-ready
          free[#free + 1] = id
          ranks[#free] = sub(value, at + 1)
        end
      end
    end
  end
  awake(x, free, ranks, writes)
  if #waiting == 0 then return {} end
  return arrive(x, waiting)
end
`

/** Tasks that come later. */
export const growing = `
-- Nodes: { id, lane, depth, dependencies }. Answers those that have nothing to wait for.
local function grow(x, nodes)
  if #nodes == 0 then return {} end
  local ids = {}
  for i, node in ipairs(nodes) do ids[i] = node[1] end
  local known = get(x.key, prefixed('r', ids))
  local dependents = get(x.key, prefixed('d', ids))
  local news, fields, seen = {}, {}, {}
  for i, node in ipairs(nodes) do
    if not known[i] and not seen[node[1]] then -- guard(true): grown-once
      seen[node[1]] = true
      news[#news + 1] = node
      fields[#fields + 1] = 'd' .. node[1]
      fields[#fields + 1] = SEP .. (dependents[i] or '')
    end
  end
  if #news == 0 then return {} end
  put('HSET', x.key, fields)
  call('HINCRBY', x.key, 'N', #news)
  local free = {}
  for _, node in ipairs(news) do
    local dependencies = node[4]
    local left = #dependencies
    if left > 0 then
      local states = get(x.key, prefixed('s', dependencies))
      for i, dependency in ipairs(dependencies) do
        if states[i] == 'x' then
          left = left - 1
        else
          -- Also of one that is not known yet: it may come later.
          local list = call('HGET', x.key, 'd' .. dependency)
          call('HSET', x.key, 'd' .. dependency, list and list .. SEP .. node[1] or node[1])
        end
      end
    end
    call('HSET', x.key, 'r' .. node[1], left .. SEP .. node[2] .. SEP .. node[3])
    if left == 0 then free[#free + 1] = node[1] end
  end
  return free
end
`

/** How each script begins and ends. */
export const passing = `
-- Leases that have run out, and timers whose time has come. Every step does this first: nobody has to watch.
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
    -- Perhaps more than are looked at now: the next step comes soon.
    due = now
    return call('ZRANGEBYSCORE', key, '-inf', now, 'WITHSCORES', 'LIMIT', 0, 200)
  end
  local expired, places = overdue(LEASES), {}
  for i = 1, #expired, 2 do places[#places + 1] = expired[i] end
  for _, value in ipairs(unlease(places, true, true)) do
    if value then
      local member = parse(value).member
      push(executionOf(member), { member })
    end
  end
  local timers = overdue(TIMERS)
  for i = 1, #timers, 2 do
    local timer, at = timers[i], tonumber(timers[i + 1])
    call('ZREM', TIMERS, timer)
    local first = find(timer, SEP, 1, true)
    local kind = sub(timer, 1, first - 1)
    local member = sub(timer, first + 1)
    if kind ~= 'd' then
      -- A wait is over: the task is as old as those that became ready at that time, and says which run waited.
      local share, place = shareOf(member), placeOf(member)
      member = sub(member, 1, #share + 2) .. rankOf(next_('age', 1, at * 1000), sub(member, #share + 20, #share + 25)) .. place
      call('HSET', TIMEOUTS, place, kind .. SEP .. member)
      someFired = true
    end
    push(executionOf(member), { member })
  end
  -- Where there is nothing, nothing is written.
  if due < NEVER or all.due > 0 then changed.due = true end
  all.due = due
end

-- What others have to know of this step: who has lost a lease, that a timer ends before all others, and that something is still ready.
-- With an outbox a bell is written for each task that became ready and was not taken at once; its number names the activation. Who may
-- not publish does not fail for it: messages may be lost.
local function announce()
  if #losses > 0 then redis.pcall('PUBLISH', TAG .. 'news', cjson.encode(losses)) end
  local isReady = (#added > 0 or freed) and call('EXISTS', RING) == 1
  -- Who waits must look sooner than he was told.
  if sooner and (not isReady or OUTBOXED ~= '') then redis.pcall('PUBLISH', TAG .. 'news', 'ready') end -- guard(false): sooner-timer-is-told
  if not isReady then return end
  if OUTBOXED == '' then
    redis.pcall('PUBLISH', TAG .. 'news', 'ready')
    return
  end
  local bells = {}
  for _, member in ipairs(added) do
    if call('ZSCORE', READY, member) then bells[#bells + 1] = member end
  end
  if #bells == 0 then
    -- A lane has room again: whoever is first may use it.
    local share = call('ZRANGE', RING, 0, 0)[1]
    bells = call('ZRANGEBYLEX', READY, '[' .. share .. SEP, '(' .. share .. AFTER, 'LIMIT', 0, 1)
  end
  local number = tick(#bells)
  for i, member in ipairs(bells) do bells[i] = format(WHOLE, number + i - 1) .. SEP .. member end
  put('RPUSH', OUTBOX, bells)
end

-- At the end of every script that changes something.
local function finish()
  write()
  announce()
  for lane, change in pairs(permits) do
    if change ~= 0 and call('HINCRBY', PERMITS, lane, change) <= 0 then call('HDEL', PERMITS, lane) end -- guard(false): empty-lane-goes
  end
  local fields = {}
  for name in pairs(changed) do
    fields[#fields + 1] = name
    fields[#fields + 1] = format(WHOLE, counters[name])
  end
  put('HSET', META, fields)
  -- Not at once: after many at a time the numbers are ahead of the clock, and must not come a second time.
  if emptied then call('PEXPIRE', META, 60000) end
end
`
