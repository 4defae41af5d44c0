/**
 * What the scripts share, in Lua. Every function touches only keys that the script was given.
 *
 * A task that is somewhere to be handed out has a `member`: lane, tenant, tier, depth and age (so that the order of bytes is the order
 * of handing out), then execution and task. It is kept in exactly one of four places: `ready`, `leased`, `timers` (delayed) or `held`
 * (its execution is paused). A suspended task is in none of them until its wait is over.
 *
 * Fields of an execution's hash: `T` tenant, `P` tier, `U` told up to this seq, `S` seq of the newest pause, `N` tasks, `X` settled
 * tasks, `H` tasks in one of the four places, `K` suspended tasks with a timer; and of each task `l` lane and depth, `r` unsettled
 * dependencies, `d` dependents, `v` those who wait for it, `s` its state (none: waits for dependencies; `x`: settled; `u`: suspended;
 * `h` and its member), `w` number and timer of its wait, `c` what is left of its wait. Of signals: `a` it came, `g` those who wait for it.
 */
export const commons = `
local READY, RING, META, LEASES, LEASED, PERMITS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local TIMERS, TIMEOUTS, PAUSED, HELD, KNOWN, WORKERS, INFOS = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local OUTBOX = KEYS[14]
-- Names never contain SEP or LIST; AFTER is the first byte after SEP.
local SEP, AFTER, LIST = '\\31', '\\32', '\\29'
local call = redis.call

local given = tonumber(ARGV[1])
local micros
if given then
  micros = given * 1000
else
  local time = call('TIME')
  micros = time[1] * 1000000 + time[2]
end
local now = math.floor(micros / 1000)
local config = cjson.decode(ARGV[2])
local added, freed = {}, false
local losses = {}

-- Numbers that only grow, also when the queue has been empty: ages and nonces.
local ticks
local function tick(count)
  if not ticks then ticks = tonumber(call('HGET', META, 'tick') or 0) end
  local first = math.max(ticks + 1, micros)
  ticks = first + count - 1
  call('HSET', META, 'tick', string.format('%.0f', ticks))
  return first
end

-- In pieces: a call takes only so many arguments.
local function each(list, size, act)
  for from = 1, #list, size do act(from, math.min(from + size - 1, #list)) end
end
local function del(command, key, list)
  each(list, 1000, function(from, to) call(command, key, unpack(list, from, to)) end)
end
local function put(command, key, list)
  each(list, 1000, function(from, to) call(command, key, unpack(list, from, to)) end)
end
local function get(key, list)
  local values = {}
  each(list, 1000, function(from, to)
    local part = call('HMGET', key, unpack(list, from, to))
    for i = 1, #part do values[from + i - 1] = part[i] end
  end)
  return values
end
local function prefixed(prefix, ids)
  local fields = {}
  for i = 1, #ids do fields[i] = prefix .. ids[i] end
  return fields
end

-- Of a member: its share (lane and tenant), and its execution and task.
local function shareOf(member)
  local lane = string.find(member, SEP, 1, true)
  return string.sub(member, 1, string.find(member, SEP, lane + 1, true) - 1)
end
local function laneOf(member)
  return string.sub(member, 1, string.find(member, SEP, 1, true) - 1)
end
local function placeOf(member)
  return string.sub(member, #shareOf(member) + 26)
end
local function executionOf(member)
  local place = placeOf(member)
  return string.sub(place, 1, string.find(place, SEP, 1, true) - 1)
end

local function load(id)
  local key = KEYS[config.first + id]
  local meta = call('HMGET', key, 'T', 'P')
  if not meta[1] then return nil end -- guard(false): unknown-execution
  return { key = key, id = config.ids[id + 1], tenant = meta[1], tier = meta[2] }
end

-- Members to where they can be handed out from.
local function push(execution, members)
  if #members == 0 then return end
  local fields = {}
  if call('HEXISTS', PAUSED, execution) == 1 then -- guard(false): paused-is-held
    for _, member in ipairs(members) do
      fields[#fields + 1] = 0
      fields[#fields + 1] = execution .. SEP .. member
    end
    put('ZADD', HELD, fields)
    return
  end
  local floor
  local seen = {}
  for _, member in ipairs(members) do
    fields[#fields + 1] = 0
    fields[#fields + 1] = member
    added[#added + 1] = member
    local share = shareOf(member)
    if not seen[share] then
      seen[share] = true
      -- Who was away has saved up nothing.
      floor = floor or call('HGET', META, 'floor') or '0'
      call('ZADD', RING, 'NX', floor, share)
    end
  end
  put('ZADD', READY, fields)
end

-- Tasks of one execution become ready, each younger than the one before.
local function awake(x, ids)
  if #ids == 0 then return end
  local ranks = get(x.key, prefixed('l', ids))
  local age = tick(#ids)
  local members, fields = {}, {}
  for i, id in ipairs(ids) do
    local lane, depth = string.match(ranks[i], '^(.*)' .. SEP .. '(%d+)$')
    members[i] = lane .. SEP .. x.tenant .. SEP .. x.tier .. depth .. string.format('%017.0f', age + i - 1)
      .. x.id .. SEP .. id
    fields[#fields + 1] = 's' .. id
    fields[#fields + 1] = 'h' .. members[i]
  end
  put('HSET', x.key, fields)
  call('HINCRBY', x.key, 'H', #ids)
  push(x.id, members)
end

-- Nothing of a share is ready any more: it leaves the ring.
local function tidy(shares)
  for share in pairs(shares) do
    if #call('ZRANGEBYLEX', READY, '[' .. share .. SEP, '(' .. share .. AFTER, 'LIMIT', 0, 1) == 0 then
      call('ZREM', RING, share)
    end
  end
end

-- A lease as it is stored: nonce, worker, client, member.
local function parse(value)
  local nonce, worker, client, member = string.match(value, '^([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '(.*)$')
  return { nonce = nonce, worker = worker, client = client, member = member }
end

-- Whoever has the lease is told to stop; a client knows of what it settles or forgets itself.
local function lose(lease, own)
  if own or lease.client ~= config.client then losses[#losses + 1] = { lease.worker, lease.nonce } end
end

-- Leases are over: their permits return. Answers them by place.
local function unlease(places, tell, own)
  local found = {}
  if #places == 0 then return found end
  local values = get(LEASED, places)
  local gone, permits = {}, {}
  for i, place in ipairs(places) do
    if values[i] then
      local lease = parse(values[i])
      found[place] = lease
      gone[#gone + 1] = place
      local lane = laneOf(lease.member)
      permits[lane] = (permits[lane] or 0) + 1
      if tell then lose(lease, own) end
    end
  end
  if #gone == 0 then return found end
  del('HDEL', LEASED, gone)
  del('ZREM', LEASES, gone) -- guard: ended-lease-does-not-run-out
  for lane, count in pairs(permits) do
    if call('HINCRBY', PERMITS, lane, -count) <= 0 then call('HDEL', PERMITS, lane) end -- guard(false): empty-lane-goes
  end
  freed = true
  return found
end

-- Tasks are taken out of every place that could hand them out, whoever works on them. \`states\`: their \`s\`.
local function withdraw(x, ids, states)
  local places, members, owners = {}, {}, {}
  local handed, timed = 0, 0
  for i, id in ipairs(ids) do
    local state = states[i]
    local kind = state and string.sub(state, 1, 1)
    local place = x.id .. SEP .. id
    if kind == 'h' then
      handed = handed + 1
      members[place] = string.sub(state, 2)
      places[#places + 1] = place
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
        members[place] = string.match(fired, '^%d+' .. SEP .. '(.*)$')
        places[#places + 1] = place
      end
    end
  end
  if handed > 0 then call('HINCRBY', x.key, 'H', -handed) end
  if timed > 0 then call('HINCRBY', x.key, 'K', -timed) end
  if #places == 0 then return end
  local leases = unlease(places, true)
  local ready, timers, held, shares = {}, {}, {}, {}
  for _, place in ipairs(places) do
    if not leases[place] then
      local member = members[place]
      ready[#ready + 1] = member
      timers[#timers + 1] = 'd' .. SEP .. member
      held[#held + 1] = x.id .. SEP .. member
      shares[shareOf(member)] = true
    end
  end
  if call('EXISTS', TIMEOUTS) == 1 then del('HDEL', TIMEOUTS, places) end -- guard(false): timeout-ends-with-its-task
  if #ready == 0 then return end
  del('ZREM', READY, ready) -- guard: settled-is-not-ready
  del('ZREM', TIMERS, timers) -- guard: settled-is-not-delayed
  del('ZREM', HELD, held) -- guard: settled-is-not-held
  tidy(shares) -- guard: empty-share-loses-its-turn
end

-- What suspended tasks wait for has come: whoever has waited longest is ready first.
local function wake(x, ids)
  local anew, since = {}, {}
  for _, id in ipairs(ids) do
    local wait = call('HGET', x.key, 'w' .. id)
    local epoch, timer = string.match(wait, '^(%d+)' .. SEP .. '(.*)$')
    since[id] = tonumber(epoch)
    if timer ~= '' then
      call('ZREM', TIMERS, timer) -- guard: timer-ends-with-its-wait
      call('HINCRBY', x.key, 'K', -1)
    end
    call('HDEL', x.key, 'w' .. id, 'c' .. id)
    local fired = call('HGET', TIMEOUTS, x.id .. SEP .. id)
    if fired then -- guard(false): woken-once
      -- Its time was over before: it is handed out already.
      call('HSET', x.key, 's' .. id, 'h' .. string.match(fired, '^%d+' .. SEP .. '(.*)$'))
      call('HINCRBY', x.key, 'H', 1)
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

-- Answers the suspended ones that have all they wait for.
local function settle(x, ids)
  local fresh, states, seen = {}, {}, {}
  local values, ranks = get(x.key, prefixed('s', ids)), get(x.key, prefixed('l', ids))
  for i, id in ipairs(ids) do
    if ranks[i] and values[i] ~= 'x' and not seen[id] then -- guard(true): settled-once
      seen[id] = true
      fresh[#fresh + 1] = id
      states[#fresh] = values[i]
    end
  end
  if #fresh == 0 then return {} end
  withdraw(x, fresh, states)
  local fields = {}
  for i, id in ipairs(fresh) do
    fields[2 * i - 1] = 's' .. id
    fields[2 * i] = 'x'
  end
  put('HSET', x.key, fields)
  call('HINCRBY', x.key, 'X', #fresh)
  -- Each dependent loses one dependency; those that have none left are ready, in the order in which they lost the last one.
  local dependents = get(x.key, prefixed('d', fresh))
  local waiting = get(x.key, prefixed('v', fresh))
  local order, lost = {}, {}
  for i = 1, #fresh do
    if dependents[i] then
      for id in string.gmatch(dependents[i], '[^' .. SEP .. ']+') do
        if lost[id] then
          lost[id] = lost[id] + 1
        else
          lost[id] = 1
        end
        order[#order + 1] = id
      end
    end
  end
  local free = {}
  if #order > 0 then
    local unique, at = {}, {}
    for i = #order, 1, -1 do
      -- The last time that it is named is when it loses its last one.
      if not at[order[i]] then
        at[order[i]] = true
        table.insert(unique, order[i])
      end
    end
    local ordered = {}
    for i = #unique, 1, -1 do ordered[#ordered + 1] = unique[i] end
    local left = get(x.key, prefixed('r', ordered))
    local now_ = get(x.key, prefixed('s', ordered))
    local counts = {}
    for i, id in ipairs(ordered) do
      local count = tonumber(left[i]) - lost[id]
      counts[#counts + 1] = 'r' .. id
      counts[#counts + 1] = count
      if count == 0 and not now_[i] then free[#free + 1] = id end -- guard(true): ready-when-all-settled
    end
    put('HSET', x.key, counts)
  end
  awake(x, free)
  return arrive(x, waiting)
end

-- Nodes: { id, lane, depth, dependencies }. Answers those that have nothing to wait for.
local function grow(x, nodes)
  if #nodes == 0 then return {} end
  local ids = {}
  for i, node in ipairs(nodes) do ids[i] = node[1] end
  local known = get(x.key, prefixed('l', ids))
  local news, fields, seen = {}, {}, {}
  for i, node in ipairs(nodes) do
    if not known[i] and not seen[node[1]] then -- guard(true): grown-once
      seen[node[1]] = true
      news[#news + 1] = node
      fields[#fields + 1] = 'l' .. node[1]
      fields[#fields + 1] = node[2] .. SEP .. node[3]
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
    call('HSET', x.key, 'r' .. node[1], left)
    if left == 0 then free[#free + 1] = node[1] end
  end
  return free
end

-- Leases that have run out, and timers whose time has come. Every step does this first: nobody has to watch.
local function promote()
  local expired = call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, 200)
  if #expired > 0 then
    for _, lease in pairs(unlease(expired, true, true)) do push(executionOf(lease.member), { lease.member }) end
  end
  local due = call('ZRANGEBYSCORE', TIMERS, '-inf', now, 'LIMIT', 0, 200)
  for _, timer in ipairs(due) do
    call('ZREM', TIMERS, timer)
    local first = string.find(timer, SEP, 1, true)
    local kind = string.sub(timer, 1, first - 1)
    local member = string.sub(timer, first + 1)
    if kind ~= 'd' then
      -- A wait is over: the task is as young as those that become ready now, and says which run waited.
      local share, place = shareOf(member), placeOf(member)
      member = string.sub(member, 1, #share + 8) .. string.format('%017.0f', tick(1)) .. place
      call('HSET', TIMEOUTS, place, kind .. SEP .. member)
    end
    push(executionOf(member), { member })
  end
end

-- What others have to know of this step: who has lost a lease, and that something is still ready. With an outbox a bell is written for
-- each task that became ready and was not taken at once; its number names the activation.
local function announce()
  if #losses > 0 then call('PUBLISH', config.channel, cjson.encode(losses)) end
  if #added == 0 and not freed or call('EXISTS', RING) == 0 then return end
  if not config.outbox then
    call('PUBLISH', config.channel, 'ready')
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
  for i, member in ipairs(bells) do bells[i] = string.format('%.0f', number + i - 1) .. SEP .. member end
  put('RPUSH', OUTBOX, bells)
end
`
