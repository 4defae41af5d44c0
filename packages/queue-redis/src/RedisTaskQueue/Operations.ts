/**
 * The operations of the queue, in Lua: each is one atomic step. A step runs several of them, so that what a worker has settled and what
 * it takes next cost one round trip.
 */

/** Facts that came after the submission: nodes, settled tasks, signals, pause. On an unknown execution nothing is written. */
const tell = `
operations.tell = function(id, news)
  local x = load(id)
  if not x then return 0 end
  local free = grow(x, news.nodes or {})
  local woken = settle(x, news.settled or {})
  local lists = {}
  for _, signal in ipairs(news.signals or {}) do
    if call('HSETNX', x.key, 'a' .. signal, 1) == 1 then -- guard(true): signal-once
      lists[#lists + 1] = call('HGET', x.key, 'g' .. signal)
    end
  end
  for _, task in ipairs(arrive(x, lists)) do woken[#woken + 1] = task end
  if news.pause then pause(x, news.pause[1], news.pause[2]) end
  if news.upTo and news.upTo > tonumber(call('HGET', x.key, 'U')) then -- guard(true): told-up-to-grows
    call('HSET', x.key, 'U', news.upTo)
  end
  local states = get(x.key, prefixed('s', free))
  local ready = {}
  for i, task in ipairs(free) do
    if not states[i] then ready[#ready + 1] = task end
  end
  awake(x, ready)
  wake(x, woken)
  save(x)
  return 1
end
`

/** Settled tasks and nothing else. */
const settle = `
operations.settle = function(id, ids)
  -- Of an execution that is not known no task is known either.
  local x = { key = keys[FIRST + id], id = idOf(id) }
  local woken = settle(x, ids, true)
  if woken then
    wake(x, woken)
  else
    for _, task in ipairs(ids) do wake(x, settle(x, { task })) end
  end
  save(x)
  return 1
end
`

/** Of two words about a pause the newer counts. What is ready while it is paused is held. */
const pause = `
local function pause(x, paused, seq)
  if seq < tonumber(call('HGET', x.key, 'S')) then return end -- guard(false): newest-pause
  call('HSET', x.key, 'S', seq)
  if paused == (call('HEXISTS', PAUSED, x.id) == 1) then return end
  local members = {}
  if paused then
    local all = call('HGETALL', x.key)
    local ids, states = {}, {}
    for i = 1, #all, 2 do
      local kind = sub(all[i], 1, 1)
      if kind == 's' then
        local id = sub(all[i], 2)
        local state = sub(all[i + 1], 1, 1)
        if state == 'h' then members[#members + 1] = sub(all[i + 1], 2) end
        if state == 'u' then
          local fired = call('HGET', TIMEOUTS, x.id .. SEP .. id)
          if fired then members[#members + 1] = string.match(fired, '^%d+' .. SEP .. '(.*)$') end
        end
      end
    end
    call('HSET', PAUSED, x.id, 1)
    somePaused = nil
    write()
    local shares, ready = {}, {}
    for _, member in ipairs(members) do
      if call('ZREM', READY, member) == 1 then
        ready[#ready + 1] = member
        shares[shareOf(member)] = true
      end
    end
    tidy(shares)
    push(x.id, ready)
  else
    call('HDEL', PAUSED, x.id)
    local held = call('ZRANGEBYLEX', HELD, '[' .. x.id .. SEP, '(' .. x.id .. AFTER)
    for i, each in ipairs(held) do members[i] = sub(each, #x.id + 2) end
    put('ZREM', HELD, held)
    push(x.id, members)
  end
end
`

/**
 * What was picked (its share, its member, its turn) becomes leases, whose numbers follow one another. Of those whose wait timed out, it
 * says which run waited.
 */
const lease = `
local function lease(worker, picks)
  local first = tick(#picks)
  local number = format(WHOLE, first)
  local leased, expiries, places, members = {}, {}, {}, {}
  local owner = SEP .. worker .. SEP
  -- A number would be written out again for each.
  local expiry = format(WHOLE, now + TTL)
  for i, pick in ipairs(picks) do
    local share, member = pick[1], pick[2]
    local place = sub(member, #share.name + 26)
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
`

/**
 * Hands out up to \`limit\` tasks: of the shares whose lane has room the one whose turn it is, of each share the first. Picks are counted
 * first and fetched afterwards, share by share, so that many tasks cost few commands.
 */
const claim = `
-- By bytes: what Lua compares strings with depends on the machine's language.
local function before(a, b)
  local one, two = a.name, b.name
  for i = 1, math.min(#one, #two) do
    local x, y = string.byte(one, i), string.byte(two, i)
    if x ~= y then return x < y end
  end
  return #one < #two
end

operations.claim = function(worker, limit, lanes)
  if limit <= 0 then return {} end
  -- What this step has made ready, when nothing else is, goes from hand to hand, unwritten.
  if #unwritten == 1 and not lanes and call('EXISTS', RING) == 0 then
    local member = unwritten[1]
    local name = shareOf(member)
    local lane = laneOf(name)
    if not limits[lane] then -- guard(true): lane-limit-from-hand-to-hand
      unwritten = {}
      added[#added] = nil
      permit(lane, 1)
      return lease(worker, { { { name = name, lane = lane }, member } })
    end
  end
  write()
  -- Among many shares, those whose turn comes first; the others only when these have too little.
  local window = limit + 16
  local ring = call('ZRANGE', RING, 0, window - 1, 'WITHSCORES')
  if #ring == 0 then return {} end
  local used = {}
  local function room(lane)
    local most = limits[lane]
    if not most then return math.huge end -- guard(true): lane-limit
    used[lane] = used[lane] or tonumber(call('HGET', PERMITS, lane) or 0) + (permits[lane] or 0)
    return most - used[lane]
  end
  local own = {}
  local function named(lane) return lanes[lane] and lane or 'default' end
  local function quota(lane)
    if not lanes then return math.huge end
    local name = named(lane)
    own[name] = own[name] or lanes[name] or 0
    return own[name]
  end
  local function spend(lane, count)
    if used[lane] then used[lane] = used[lane] + count end -- guard(false): lane-limit-in-one-take
    if lanes then own[named(lane)] = quota(lane) - count end -- guard(false): quota-of-a-worker
  end
  local picks, left, several = {}, limit, false
  local function pick(open)
    while left > 0 do
      local any = false
      while left > 0 do
        local best
        for _, share in ipairs(open) do
          if not share.empty and room(share.lane) > 0 and quota(share.lane) > 0 then
            if not best or share.turn + share.count < best.turn + best.count then best = share end
          end
        end
        if not best then break end
        -- Alone, it takes all that there is room for.
        local count = #open == 1 and math.min(left, room(best.lane), quota(best.lane)) or 1
        best.count = best.count + count
        left = left - count
        spend(best.lane, count)
        any = true
      end
      if not any then return end
      for _, share in ipairs(open) do
        if share.count > 0 then
          local name = share.name
          local found = call('ZRANGEBYLEX', READY, '[' .. name .. SEP, '(' .. name .. AFTER, 'LIMIT', 0, share.count + 1)
          local more = #found > share.count
          if more then found[#found] = nil end
          put('ZREM', READY, found)
          permit(share.lane, #found)
          for i, member in ipairs(found) do picks[#picks + 1] = { share, member, share.turn + i - 1 } end
          share.turn = share.turn + #found
          if more then
            call('ZADD', RING, share.turn, name)
          else
            share.empty = true
            call('ZREM', RING, name)
            ringed[name] = nil
            left = left + share.count - #found
            spend(share.lane, #found - share.count)
          end
          share.count = 0
        end
      end
    end
  end
  local at, seen, whole = 1, {}, #ring < 2 * window
  while left > 0 do
    local open = {}
    while at < #ring and #open < window do
      local name = ring[at]
      if not seen[name] then
        seen[name] = true
        open[#open + 1] = { name = name, lane = laneOf(name), turn = tonumber(ring[at + 1]), count = 0 }
      end
      at = at + 2
    end
    if #open > 0 then
      if #open > 1 then table.sort(open, before) end
      for i, share in ipairs(open) do share.order = i end
      several = several or #open > 1 or #picks > 0
      pick(open)
    elseif whole then
      break
    else
      at, ring, whole = 1, call('ZRANGE', RING, 0, -1, 'WITHSCORES'), true
    end
  end
  if #picks == 0 then return {} end
  if several then
    table.sort(picks, function(a, b)
      if a[3] ~= b[3] then return a[3] < b[3] end
      return a[1].order < b[1].order
    end)
  end
  local all = meta()
  local last = picks[#picks][3]
  if last > all.floor then
    all.floor = last
    changed.floor = true
  end
  return lease(worker, picks)
end
`

/** The task is given back, unless the lease is another's by now. */
const release = `
local function giveBack(x, task, nonce)
  local place = x.id .. SEP .. task
  local value = call('HGET', LEASED, place)
  if not value then return nil end
  local lease = parse(value)
  if lease.nonce ~= nonce then return nil end -- guard(false): fence-of-the-lease
  unlease({ place })
  return lease
end

operations.release = function(id, task, nonce, delay)
  local x = load(id)
  local lease = x and giveBack(x, task, nonce)
  if not lease then return 0 end
  if delay > 0 then
    setTimer(delay, 'd' .. SEP .. lease.member)
  else
    push(x.id, { lease.member })
  end
  return 1
end
`

/** Grows, suspends and gives back, and tests at once what is waited for: it may have come before. */
const suspend = `
operations.suspend = function(id, task, nonce, suspension)
  local x = load(id)
  local lease = x and giveBack(x, task, nonce)
  if not lease then return 0 end
  local place = x.id .. SEP .. task
  if hasFired() then call('HDEL', TIMEOUTS, place) end -- guard(false): old-timer-ends
  -- A wait that timed out and was taken is still a wait: it is over now.
  if call('HGET', x.key, 's' .. task) == 'u' then
    local _, timer = string.match(call('HGET', x.key, 'w' .. task), '^(%d+)' .. SEP .. '(.*)$')
    if timer ~= '' then count(x, 'K', -1) end
  else
    count(x, 'H', -1)
  end
  local free = grow(x, suspension.nodes)
  local all = suspension.mode == 'all'
  local left, met = 0, 0
  -- Every wait has a number of its own: what is left over of an earlier one must not count for it.
  local epoch = format(WHOLE, tick(1))
  local entry = epoch .. SEP .. task
  local function await(field)
    left = left + 1
    local list = call('HGET', x.key, field)
    call('HSET', x.key, field, list and list .. LIST .. entry or entry)
  end
  local states = get(x.key, prefixed('s', suspension.tasks))
  for i, awaited in ipairs(suspension.tasks) do
    if states[i] == 'x' then -- guard(false): settled-before
      met = met + 1
    else
      await('v' .. awaited)
      call('HSET', x.key, 'V', 1)
    end
  end
  local arrived = get(x.key, prefixed('a', suspension.signals))
  for i, signal in ipairs(suspension.signals) do
    if arrived[i] then -- guard(false): arrived-before
      met = met + 1
    else
      await('g' .. signal)
    end
  end
  local timeout = suspension.timeout
  local satisfied
  if left + met == 0 then
    satisfied = timeout < 0
  else
    satisfied = all and left == 0 or not all and met > 0
  end
  if satisfied then
    call('HDEL', x.key, 'w' .. task, 'c' .. task)
    awake(x, { task })
  else
    local timer = ''
    if timeout >= 0 then
      timer = format(WHOLE, suspension.run) .. SEP .. lease.member
      setTimer(timeout, timer)
      count(x, 'K', 1)
    end
    call('HSET', x.key, 's' .. task, 'u', 'w' .. task, epoch .. SEP .. timer, 'c' .. task, all and left or 1)
  end
  awake(x, free)
  save(x)
  return 1
end
`

/** Extends leases; answers those that are another's by now. Of an execution that the queue has lost nothing is known: it is rebuilt. */
const beat = `
operations.beat = function(leases)
  local places = {}
  for i, lease in ipairs(leases) do places[i] = idOf(lease[1]) .. SEP .. lease[2] end
  local values = get(LEASED, places)
  local kept, lost = {}, {}
  for i, lease in ipairs(leases) do
    local held = values[i] and parse(values[i])
    if held and held.nonce == lease[3] then -- guard(true): only-its-own-is-renewed
      kept[#kept + 1] = now + TTL
      kept[#kept + 1] = places[i]
    elseif held or call('EXISTS', keys[FIRST + lease[1]]) == 1 then
      lost[#lost + 1] = lease[3]
    end
  end
  put('ZADD', LEASES, kept)
  -- Another server's clock may be behind.
  if #kept > 0 then becomesDue(now + TTL) end
  return lost
end
`

/** Drops the execution, its leases and timers. After the last one the counters go too, a little later: nothing stays behind. */
const forget = `
operations.forget = function(id)
  local x = load(id)
  if not x then return 0 end
  local counts = call('HMGET', x.key, 'N', 'X')
  if counts[1] ~= counts[2] then
    local all = call('HGETALL', x.key)
    local ids, states = {}, {}
    for i = 1, #all, 2 do
      if sub(all[i], 1, 1) == 's' and all[i + 1] ~= 'x' then
        ids[#ids + 1] = sub(all[i], 2)
        states[#ids] = all[i + 1]
      end
    end
    withdraw(x, ids, states)
  end
  call('UNLINK', x.key)
  call('HDEL', PAUSED, x.id) -- guard: forgotten-is-not-paused
  call('ZREM', KNOWN, x.id .. SEP .. x.tenant)
  if call('EXISTS', KNOWN) == 0 then -- guard(false): nothing-stays
    call('DEL', OUTBOX)
    emptied = true
  end
  return 1
end
`

/** Whether anything of the execution will happen without news, and how far it was told. */
const inspect = `
operations.inspect = function(id)
  local key = keys[FIRST + id]
  local x = call('HMGET', key, 'T', 'U', 'H', 'K')
  if not x[1] then return { 'absent', 0 } end
  local execution = idOf(id)
  local held = call('ZLEXCOUNT', HELD, '[' .. execution .. SEP, '(' .. execution .. AFTER)
  local busy = tonumber(x[3]) + tonumber(x[4]) - held > 0
  return { busy and 'busy' or 'idle', tonumber(x[2]) }
end
`

/** Workers, as they present themselves. Those that were silent for an hour are struck off. */
const enlist = `
operations.enlist = function(worker, info)
  call('HSET', INFOS, worker, info)
  call('ZADD', WORKERS, now, worker)
  local old = call('ZRANGEBYSCORE', WORKERS, '-inf', now - 3600000)
  put('ZREM', WORKERS, old)
  put('HDEL', INFOS, old)
end
operations.dismiss = function(worker)
  call('ZREM', WORKERS, worker)
  call('HDEL', INFOS, worker)
end
operations.heard = function(worker)
  if not call('ZSCORE', WORKERS, worker) then return 0 end
  call('ZADD', WORKERS, now, worker)
  return 1
end
`

/** What most steps are about. */
export const usual = [settle, lease, claim].join("\n")

/** All of them, in an order in which each finds what it uses. */
export const operations = [pause, tell, usual, release, suspend, beat, forget, inspect, enlist].join("\n")
