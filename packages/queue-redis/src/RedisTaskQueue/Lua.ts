// Generated from the .lua files beside it by `npm run generate`: edit those.

export const DEPTH_AT = 20

export const PLACE_AT = 26

export const SEP = "\u001f"

export const LIST = "\u001d"

const callAnswer = `local operations = {}
local function answer()
  local REPLY = keys[15]
  local request = args[3]
  local last = call('GET', REPLY)
  if last then
    local at = find(last, SEP, 1, true)
    if sub(last, 1, at - 1) == request then return sub(last, at + 1) end -- guard(false): once-per-request
  end
  promote()
  local results = {}
  for i, operation in ipairs(cjson.decode(args[4])) do
    results[i] = operations[operation[1]](unpack(operation, 2)) or 0
  end
  finish()
  local due = meta().due
  local reply = cjson.encode({ results = results, next = due < NEVER and math.max(due - now, 0) or -1 })
  call('SET', REPLY, request .. SEP .. reply, 'PX', REPLY_MILLIS)
  return reply
end
`

const callCommands = `local function each(list, act)
  for from = 1, #list, 1000 do act(from, math.min(from + 999, #list)) end
end
local function put(command, key, list)
  if #list > 1000 then
    each(list, function(from, to) call(command, key, unpack(list, from, to)) end)
  elseif #list > 0 then
    call(command, key, unpack(list))
  end
end
local function get(key, list)
  if #list == 0 then return {} end
  if #list <= 1000 then return call('HMGET', key, unpack(list)) end
  local values = {}
  each(list, function(from, to)
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
`

const callCounters = `local TALLY = 'n' .. SEP
local function meta()
  if not counters then
    local values = call('HMGET', META, 'tick', 'age', 'floor', 'due')
    counters = {
      tick = tonumber(values[1] or 0), age = tonumber(values[2] or 0), floor = tonumber(values[3] or 0),
      due = tonumber(values[4] or 0)
    }
  end
  return counters
end
local function permit(lane, count) permits[lane] = (permits[lane] or 0) + count end
local function becomesDue(at)
  local all = meta()
  if at < all.due then
    all.due = at
    changed.due = true
  end
end
local function next_(counter, count, from)
  local all = meta()
  local first = math.max(all[counter] + 1, from or micros)
  all[counter] = first + count - 1
  changed[counter] = true
  return first
end
local function tick(count) return next_('tick', count) end
`

const callFinish = `local function announce()
  if #losses > 0 then redis.pcall('PUBLISH', TAG .. 'news', cjson.encode(losses)) end
  local isReady = (#added > 0 or freed) and call('EXISTS', RING) == 1
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
    local share = call('ZRANGE', RING, 0, 0)[1]
    bells = call('ZRANGEBYLEX', READY, '[' .. share .. SEP, '(' .. share .. AFTER, 'LIMIT', 0, 1)
  end
  local number = tick(#bells)
  for i, member in ipairs(bells) do bells[i] = format(WHOLE, number + i - 1) .. SEP .. member end
  put('RPUSH', OUTBOX, bells)
end
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
  if emptied then call('PEXPIRE', META, 60000) end
end
`

const callGiven = `local keys, args
local READY, RING, META, LEASES, LEASED, PERMITS, TIMERS, TIMEOUTS, PAUSED, HELD, KNOWN, WORKERS, INFOS, OUTBOX
local TAG, FIRST = nil, 16
local NEVER = 9e15
local COUNTS = { 'X', 'H', 'K' }
local NAMES = '[^' .. SEP .. ']+'
local call, find, sub, format, WHOLE, PADDED
local CLIENT, TTL, REPLY_MILLIS, OUTBOXED, mine, limits
local micros, now
local added, freed, sooner, losses
local counters, changed, permits, ringed, emptied, somePaused, someFired
local unwritten
local function receive(givenKeys, givenArgs)
  keys, args = givenKeys, givenArgs
  READY, RING, META, LEASES, LEASED, PERMITS = keys[1], keys[2], keys[3], keys[4], keys[5], keys[6]
  TIMERS, TIMEOUTS, PAUSED, HELD, KNOWN, WORKERS, INFOS = keys[7], keys[8], keys[9], keys[10], keys[11], keys[12], keys[13]
  OUTBOX = keys[14]
  call, find, sub, format = redis.call, string.find, string.sub, string.format
  WHOLE = WHOLE or #format('%d', 2^40) == 13 and '%d' or '%.0f'
  PADDED = '%0' .. DEPTH_AT - RANK_AT .. sub(WHOLE, 2)
  TAG = sub(READY, 1, -6)
  local given = tonumber(args[1])
  if given then
    micros = given * 1000
  else
    local time = call('TIME')
    micros = time[1] * 1000000 + time[2]
  end
  now = math.floor(micros / 1000)
  local lanes
  CLIENT, TTL, REPLY_MILLIS, OUTBOXED, lanes = string.match(args[2], '^(.-)' .. SEP .. '(.-)' .. SEP .. '(.-)' .. SEP .. '(.-)' .. SEP .. '(.*)$')
  mine = CLIENT .. SEP
  limits = lanes == '' and {} or cjson.decode(lanes)
  added, freed, sooner, losses = {}, false, false, {}
  counters, changed, permits, ringed, emptied, somePaused, someFired = nil, {}, {}, {}, false, nil, nil
  unwritten = {}
end
`

const callSeldom = `local function lookForRare()
  if somePaused ~= nil then return end
  local some = call('EXISTS', PAUSED, TIMEOUTS) > 0
  somePaused = some and call('EXISTS', PAUSED) == 1
  someFired = some and call('EXISTS', TIMEOUTS) == 1
end
local function isPaused(execution)
  lookForRare()
  return somePaused and call('HEXISTS', PAUSED, execution) == 1
end
local function hasFired()
  lookForRare()
  return someFired
end
`

const callTimer = `local function setTimer(millis, timer)
  call('ZADD', TIMERS, now + millis, timer)
  local due = meta().due
  sooner = sooner or due == 0 or now + millis < due
  becomesDue(now + millis) -- guard: due-with-every-timer
end
`

const operationsBeat = `operations.beat = function(leases)
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
  if #kept > 0 then becomesDue(now + TTL) end
  return lost
end
`

const operationsClaim = `local function before(a, b)
  local one, two = a.name, b.name
  for i = 1, math.min(#one, #two) do
    local x, y = string.byte(one, i), string.byte(two, i)
    if x ~= y then return x < y end
  end
  return #one < #two
end
operations.claim = function(worker, limit, lanes)
  if limit <= 0 then return {} end
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

const operationsDismiss = `operations.dismiss = function(worker)
  call('ZREM', WORKERS, worker)
  call('HDEL', INFOS, worker)
  local places = {}
  for _, value in ipairs(call('HVALS', LEASED)) do
    local lease = parse(value)
    if lease.worker == worker then places[#places + 1] = placeOf(lease.member) end -- guard(true): only-of-the-dismissed
  end
  expire(places)
end
`

const operationsEnlist = `operations.enlist = function(worker, info)
  call('HSET', INFOS, worker, info)
  call('ZADD', WORKERS, now, worker)
  local old = call('ZRANGEBYSCORE', WORKERS, '-inf', now - 3600000)
  put('ZREM', WORKERS, old)
  put('HDEL', INFOS, old)
end
`

const operationsForget = `operations.forget = function(id)
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
  if call('HINCRBY', META, TALLY .. x.tenant, -1) <= 0 then call('HDEL', META, TALLY .. x.tenant) end -- guard(false): empty-tenant-goes
  if call('EXISTS', KNOWN) == 0 then -- guard(false): nothing-stays
    call('DEL', OUTBOX)
    emptied = true
  end
  return 1
end
`

const operationsHeard = `operations.heard = function(worker)
  if not call('ZSCORE', WORKERS, worker) then return 0 end
  call('ZADD', WORKERS, now, worker)
  return 1
end
`

const operationsInspect = `operations.inspect = function(id)
  local key = keys[FIRST + id]
  local x = call('HMGET', key, 'T', 'U', 'H', 'K')
  if not x[1] then return { 'absent', 0 } end
  local execution = idOf(id)
  local held = call('ZLEXCOUNT', HELD, '[' .. execution .. SEP, '(' .. execution .. AFTER)
  local busy = tonumber(x[3]) + tonumber(x[4]) - held > 0
  return { busy and 'busy' or 'idle', tonumber(x[2]) }
end
`

const operationsRelease = `operations.release = function(id, task, nonce, delay)
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

const operationsSettle = `operations.settle = function(id, ids)
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

const operationsSuspend = `operations.suspend = function(id, task, nonce, suspension)
  local x = load(id)
  local lease = x and giveBack(x, task, nonce)
  if not lease then return 0 end
  local place = x.id .. SEP .. task
  if hasFired() then call('HDEL', TIMEOUTS, place) end -- guard(false): old-timer-ends
  if call('HGET', x.key, 's' .. task) == 'u' then
    local _, timer = string.match(call('HGET', x.key, 'w' .. task), '^(%d+)' .. SEP .. '(.*)$')
    if timer ~= '' then count(x, 'K', -1) end
  else
    count(x, 'H', -1)
  end
  local free = grow(x, suspension.nodes)
  local all = suspension.mode == 'all'
  local left, met = 0, 0
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

const operationsTell = `operations.tell = function(id, news)
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

const recordCounts = `local function count(x, field, by)
  x[field] = (x[field] or 0) + by
end
local function tally(x, fields)
  for field, value in pairs(x.known) do
    local change = x[field] or 0
    if change ~= 0 then
      fields[#fields + 1] = field
      fields[#fields + 1] = value + change
      x.known[field] = value + change
      x[field] = nil
    end
  end
end
local function save(x)
  for _, field in ipairs(COUNTS) do
    local change = x[field]
    if change and change ~= 0 then call('HINCRBY', x.key, field, change) end
    x[field] = nil
  end
end
`

const recordExecution = `local function idOf(index) return sub(keys[FIRST + index], #TAG + 3) end
local function load(index)
  local key = keys[FIRST + index]
  local meta = call('HMGET', key, 'T', 'P')
  if not meta[1] then return nil end -- guard(false): unknown-execution
  return { key = key, id = idOf(index), tenant = meta[1], tier = meta[2] }
end
`

const recordLayout = `local RANK_AT = 3
local DEPTH_AT, PLACE_AT = 20, 26 -- exported
local SEP, LIST = '\\31', '\\29' -- exported
local AFTER = '\\32'
`

const recordLease = `local parts = '^[^' .. SEP .. ']*' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '(.*)$'
local function parse(value)
  local client, nonce, worker, member = string.match(value, parts)
  return { nonce = nonce, worker = worker, client = client, member = member }
end
`

const recordMember = `local function laterBy(depth) return tonumber(depth) * 1000000 end
local function rankOf(age, depth) return format(PADDED, age + laterBy(depth)) .. depth end
local function shareOf(member)
  local lane = find(member, SEP, 1, true)
  return sub(member, 1, find(member, SEP, lane + 1, true) - 1)
end
local function laneOf(member)
  return sub(member, 1, find(member, SEP, 1, true) - 1)
end
local function tenantOf(member)
  local share = shareOf(member)
  return sub(share, find(share, SEP, 1, true) + 1)
end
local function placeOf(member)
  return sub(member, #shareOf(member) + PLACE_AT)
end
local function executionOf(member)
  local place = placeOf(member)
  return sub(place, 1, find(place, SEP, 1, true) - 1)
end
`

const transitionsArrive = `local function arrive(x, lists)
  local woken = {}
  for _, list in ipairs(lists) do
    if list then
      for entry in string.gmatch(list, '[^' .. LIST .. ']+') do
        local epoch, id = string.match(entry, '^(%d+)' .. SEP .. '(.*)$')
        local wait = call('HGET', x.key, 'w' .. id)
        local current = wait and string.match(wait, '^%d+')
        if current == epoch then -- guard(true): wait-of-this-epoch
          if call('HINCRBY', x.key, 'c' .. id, -1) == 0 then woken[#woken + 1] = id end
        end
      end
    end
  end
  return woken
end
`

const transitionsAwake = `local function rankIn(value) return sub(value, find(value, SEP, 1, true) + 1) end
local function awake(x, ids, ranks, fields)
  fields = fields or {}
  if #ids > 0 then
    if not ranks then
      ranks = get(x.key, prefixed('r', ids))
      for i = 1, #ids do ranks[i] = rankIn(ranks[i]) end
    end
    local age = next_('age', #ids)
    local members, rank, start, later, rest = {}, nil, nil, nil, nil
    for i, id in ipairs(ids) do
      if ranks[i] ~= rank then
        rank = ranks[i]
        local depth = sub(rank, DEPTH_AT - PLACE_AT)
        start, later = sub(rank, 1, DEPTH_AT - PLACE_AT - 1) .. x.tenant .. SEP .. x.tier, laterBy(depth)
        rest = depth .. x.id .. SEP
      end
      local member = start .. format(PADDED, age + i - 1 + later) .. rest .. id
      members[i] = member
      local at = #fields
      fields[at + 1], fields[at + 2] = 's' .. id, 'h' .. member
    end
    count(x, 'H', #ids)
    push(x.id, members)
  end
  if x.known then tally(x, fields) end
  put('HSET', x.key, fields)
end
`

const transitionsExpire = `local function expire(places, own)
  for _, value in ipairs(unlease(places, true, own)) do
    if value then
      local member = parse(value).member
      push(executionOf(member), { member })
    end
  end
end
`

const transitionsGiveBack = `local function giveBack(x, task, nonce)
  local place = x.id .. SEP .. task
  local value = call('HGET', LEASED, place)
  if not value then return nil end
  local lease = parse(value)
  if lease.nonce ~= nonce then return nil end -- guard(false): fence-of-the-lease
  unlease({ place })
  return lease
end
`

const transitionsGrow = `local function grow(x, nodes)
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

const transitionsLease = `local function lease(worker, picks)
  local first = tick(#picks)
  local number = format(WHOLE, first)
  local leased, expiries, places, members = {}, {}, {}, {}
  local owner = SEP .. worker .. SEP
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
`

const transitionsPause = `local function pause(x, paused, seq)
  if seq < tonumber(call('HGET', x.key, 'S')) then return end -- guard(false): newest-pause
  call('HSET', x.key, 'S', seq)
  if paused == (call('HEXISTS', PAUSED, x.id) == 1) then return end
  local members = {}
  if paused then
    local all = call('HGETALL', x.key)
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

const transitionsPromote = `local function promote()
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
      local share, place = shareOf(member), placeOf(member)
      local depth = sub(member, #share + DEPTH_AT, #share + PLACE_AT - 1)
      member = sub(member, 1, #share + RANK_AT - 1) .. rankOf(next_('age', 1, at * 1000), depth) .. place
      call('HSET', TIMEOUTS, place, kind .. SEP .. member)
      someFired = true
    end
    push(executionOf(member), { member })
  end
  if due < NEVER or all.due > 0 then changed.due = true end
  all.due = due
end
`

const transitionsReady = `local function write()
  if #unwritten == 0 then return end
  local fields, start = {}, nil
  for i, member in ipairs(unwritten) do
    fields[2 * i - 1] = '0'
    fields[2 * i] = member
    if not start or sub(member, 1, #start) ~= start then
      local share = shareOf(member)
      start = share .. SEP
      if not ringed[share] then
        ringed[share] = true
        call('ZADD', RING, 'NX', meta().floor, share)
      end
    end
  end
  put('ZADD', READY, fields)
  unwritten = {}
end
local function push(execution, members)
  if #members == 0 then return end
  if isPaused(execution) then -- guard(false): paused-is-held
    local fields = {}
    for _, member in ipairs(members) do
      fields[#fields + 1] = '0'
      fields[#fields + 1] = execution .. SEP .. member
    end
    put('ZADD', HELD, fields)
    return
  end
  for _, member in ipairs(members) do
    added[#added + 1] = member
    unwritten[#unwritten + 1] = member
  end
end
local function tidy(shares)
  for share in pairs(shares) do
    if #call('ZRANGEBYLEX', READY, '[' .. share .. SEP, '(' .. share .. AFTER, 'LIMIT', 0, 1) == 0 then
      call('ZREM', RING, share)
      ringed[share] = nil
    end
  end
end
`

const transitionsSettle = `local function settle(x, ids, alone)
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

const transitionsUnlease = `local function unlease(places, tell, own)
  if #places == 0 then return {} end
  local values = get(LEASED, places)
  local gone = {}
  local lane, start
  for i, place in ipairs(places) do
    local value = values[i]
    if value then
      gone[#gone + 1] = place
      local isMine = start and sub(value, 1, #start) == start
      if not isMine then
        lane = laneOf(value)
        start = lane .. SEP .. mine
        isMine = sub(value, 1, #start) == start
      end
      permits[lane] = (permits[lane] or 0) - 1
      if limits[lane] then freed = true end
      if tell and (own or not isMine) then
        local lease = parse(value)
        losses[#losses + 1] = { lease.worker, lease.nonce }
      end
    end
  end
  put('HDEL', LEASED, gone)
  put('ZREM', LEASES, gone) -- guard: ended-lease-does-not-run-out
  return values
end
`

const transitionsWake = `local function wake(x, ids)
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
      call('HSET', x.key, 's' .. id, 'h' .. string.match(fired, '^%d+' .. SEP .. '(.*)$'))
      count(x, 'H', 1)
    else
      anew[#anew + 1] = id
    end
  end
  table.sort(anew, function(a, b) return since[a] < since[b] end)
  awake(x, anew)
end
`

const transitionsWithdraw = `local function withdraw(x, ids, states)
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
`

export const enlisted: string = `${recordLayout}${callGiven}local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  return call('HVALS', INFOS)
end
`

export const known: string = `${recordLayout}${callGiven}local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  local from = args[3] == '' and '-' or '[' .. args[3] .. AFTER
  return call('ZRANGEBYLEX', KNOWN, from, '+', 'LIMIT', 0, args[4])
end
`

export const outbox: string = `${recordLayout}${callGiven}local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  return call('LRANGE', OUTBOX, 0, args[3] - 1)
end
`

export const overview: string = `${recordLayout}${callGiven}local run = (function()
${callCommands}${callCounters}${callSeldom}${recordMember}${transitionsReady}${callFinish}${recordLease}${transitionsUnlease}${transitionsExpire}${transitionsPromote}  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    promote()
    finish()
    local tenant = args[3] ~= '' and args[3]
    local lanes = {}
    local function of(lane)
      lanes[lane] = lanes[lane] or { ready = 0, leased = 0, oldest = -1 }
      return lanes[lane]
    end
    local function isSeen(member) return not tenant or tenantOf(member) == tenant end
    for lane in pairs(limits) do of(lane) end
    for _, share in ipairs(call('ZRANGE', RING, 0, -1)) do
      if isSeen(share .. SEP) then
        local lane = of(laneOf(share))
        local from, to = '[' .. share .. SEP, '(' .. share .. AFTER
        lane.ready = lane.ready + call('ZLEXCOUNT', READY, from, to)
        for _, member in ipairs(call('ZRANGEBYLEX', READY, from, to, 'LIMIT', 0, 1000)) do
          local rank = tonumber(sub(member, #share + RANK_AT, #share + DEPTH_AT - 1))
          local depth = sub(member, #share + DEPTH_AT, #share + PLACE_AT - 1)
          local waited = math.max(now - math.floor((rank - laterBy(depth)) / 1000), 0)
          if waited > lane.oldest then lane.oldest = waited end
        end
      end
    end
    local executions, timed
    if tenant then
      for _, value in ipairs(call('HVALS', LEASED)) do
        local member = parse(value).member
        if isSeen(member) then
          local lane = of(laneOf(member))
          lane.leased = lane.leased + 1
        end
      end
      executions, timed = tonumber(call('HGET', META, TALLY .. tenant) or 0), 0
      for _, timer in ipairs(call('ZRANGE', TIMERS, 0, 9999)) do
        if isSeen(sub(timer, find(timer, SEP, 1, true) + 1)) then timed = timed + 1 end
      end
    else
      local permits = call('HGETALL', PERMITS)
      for i = 1, #permits, 2 do of(permits[i]).leased = tonumber(permits[i + 1]) end
      executions, timed = call('ZCARD', KNOWN), call('ZCARD', TIMERS)
    end
    return cjson.encode({ executions = executions, timed = timed, lanes = lanes })
  end
end)()
`

export const rung: string = `${recordLayout}${callGiven}local function run(givenKeys, givenArgs)
  receive(givenKeys, givenArgs)
  for _, bell in ipairs(cjson.decode(args[3])) do call('LREM', OUTBOX, 1, bell) end
  return 1
end
`

export const stage: string = `local function run(keys, args)
  local fields = cjson.decode(args[1])
  for from = 1, #fields, 1000 do redis.call('HSET', keys[1], unpack(fields, from, math.min(from + 999, #fields))) end
  redis.call('PEXPIRE', keys[1], args[2])
  return 1
end
`

export const step: string = `${recordLayout}${callGiven}local run = (function()
${callCommands}${callCounters}${callSeldom}${recordMember}${transitionsReady}${callFinish}${recordLease}${transitionsUnlease}${transitionsExpire}${transitionsPromote}${callAnswer}${recordExecution}${operationsBeat}${transitionsLease}${operationsClaim}${operationsDismiss}${operationsEnlist}${recordCounts}${transitionsWithdraw}${operationsForget}${operationsHeard}${operationsInspect}${callTimer}${transitionsGiveBack}${operationsRelease}${transitionsArrive}${transitionsAwake}${transitionsSettle}${transitionsWake}${operationsSettle}${transitionsGrow}${operationsSuspend}${transitionsPause}${operationsTell}  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    return answer()
  end
end)()
`

export const submit: string = `${recordLayout}${callGiven}local run = (function()
${callCounters}${callTimer}${callCommands}${callSeldom}${recordMember}${transitionsReady}${callFinish}${recordCounts}${transitionsAwake}  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    local STAGE, HASH = keys[15], keys[16]
    local facts = cjson.decode(args[3])
    if call('EXISTS', HASH) == 1 then -- guard(false): activated-only-if-absent
      call('UNLINK', STAGE)
      return 0
    end
    if facts.staged > 0 then
      if call('HLEN', STAGE) ~= facts.staged then -- guard(false): never-a-half
        call('UNLINK', STAGE)
        return -1
      end
      call('RENAME', STAGE, HASH)
      call('PERSIST', HASH) -- guard: activated-stays
    end
    if #facts.fields > 0 then put('HSET', HASH, facts.fields) end
    call('ZADD', KNOWN, 0, facts.id .. SEP .. facts.tenant)
    call('HINCRBY', META, TALLY .. facts.tenant, 1)
    call('PERSIST', META) -- guard: counters-stay
    if facts.paused then call('HSET', PAUSED, facts.id, 1) end
    local x = { key = HASH, id = facts.id, tenant = facts.tenant, tier = facts.tier }
    for _, turn in ipairs(facts.turns) do
      if turn[1] == 'ready' then
        awake(x, turn[2], turn[3])
      else
        local kind, id, millis = turn[2], turn[3], turn[4]
        local lane, depth = string.match(turn[5], '^(.*)' .. SEP .. '(%d+)$')
        local member = lane .. SEP .. x.tenant .. SEP .. x.tier .. rankOf(next_('age', 1), depth) .. x.id .. SEP .. id
        local timer = kind .. SEP .. member
        setTimer(millis, timer)
        if kind == 'd' then
          call('HSET', HASH, 's' .. id, 'h' .. member)
          count(x, 'H', 1)
        else
          local epoch = string.match(call('HGET', HASH, 'w' .. id), '^%d+')
          call('HSET', HASH, 'w' .. id, epoch .. SEP .. timer)
          count(x, 'K', 1)
        end
      end
    end
    save(x)
    finish()
    return 1
  end
end)()
`

export const turn: string = `${recordLayout}${callGiven}local run = (function()
${callCommands}${callCounters}${callSeldom}${recordMember}${transitionsReady}${callFinish}${recordLease}${transitionsUnlease}${transitionsExpire}${transitionsPromote}${callAnswer}${transitionsLease}${operationsClaim}${recordExecution}${transitionsArrive}${recordCounts}${transitionsAwake}${transitionsWithdraw}${transitionsSettle}${transitionsWake}${operationsSettle}  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    return answer()
  end
end)()
`

export const workers: string = `${recordLayout}${callGiven}local run = (function()
${callCommands}${callCounters}${callSeldom}${recordMember}${transitionsReady}${callFinish}${recordLease}${transitionsUnlease}${transitionsExpire}${transitionsPromote}  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    promote()
    finish()
    local list = {}
    local heard = call('ZRANGE', WORKERS, 0, -1, 'WITHSCORES')
    for i = 1, #heard, 2 do
      list[#list + 1] = { heard[i], call('HGET', INFOS, heard[i]), math.max(now - tonumber(heard[i + 1]), 0) }
    end
    local leases = {}
    for i, value in ipairs(call('HVALS', LEASED)) do
      local lease = parse(value)
      leases[i] = { lease.worker, lease.member }
    end
    return cjson.encode({ workers = list, leases = leases })
  end
end)()
`
