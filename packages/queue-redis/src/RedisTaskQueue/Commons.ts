/**
 * What the scripts share, in Lua: what they are given, and functions. Every function touches only keys that the script was given.
 *
 * A task that is somewhere to be handed out has a `member`: lane, tenant, tier, rank and depth (so that the order of bytes is the order
 * of handing out), then execution and task. The rank is when it became ready, in microseconds, with a second less for each task
 * that follows it on its longest way. It is kept in exactly one of four places: `ready`, `leased`, `timers` (delayed) or `held`
 * (its execution is paused). A suspended task is in none of them until its wait is over.
 *
 * Fields of an execution's hash: `T` tenant, `P` tier, `U` told up to this seq, `S` seq of the newest pause, `N` tasks, `X` settled
 * tasks, `H` tasks in one of the four places, `K` suspended tasks with a timer, `V` somebody has waited for tasks; and of each task `r`
 * the number of its unsettled dependencies (until it is ready), its lane and its depth, `d` dependents (with a separator before each; of a
 * task that is yet to come, between them), `v` those who wait for it, `s` its state (none: waits for dependencies; `x`: settled; `u`:
 * suspended; `h` and its member), `w` number and timer of its wait, `c` what is left of its wait. Of signals: `a` it came, `g` those who
 * wait for it.
 *
 * Fields of `meta`: `tick` and `age`, the last numbers of leases and of what became ready; `floor`, the turn from which a share begins;
 * `due`, before which no lease runs out and no timer is over, so that it need not be looked at (absent: unknown).
 */
const begin = `
local keys, args
local READY, RING, META, LEASES, LEASED, PERMITS, TIMERS, TIMEOUTS, PAUSED, HELD, KNOWN, WORKERS, INFOS, OUTBOX
-- Names never contain SEP or LIST; AFTER is the first byte after SEP.
local SEP, AFTER, LIST = '\\31', '\\32', '\\29'
-- What every key begins with, and where the executions' hashes begin among the keys.
local TAG, FIRST = nil, 16
local NEVER = 9e15
local COUNTS = { 'X', 'H', 'K' }
-- Names with separators between them.
local NAMES = '[^' .. SEP .. ']+'
local call, find, sub, format, WHOLE, PADDED
local CLIENT, TTL, REPLY_MILLIS, OUTBOXED, mine, limits
local micros, now
local added, freed, sooner, losses
-- What a step asks for again and again is asked for once, and what it counts is written once, by \`finish\`: most of what a step costs
-- are its commands, and in the long run as many permits are taken as are given back.
local counters, changed, permits, ringed, emptied, somePaused, someFired
-- Ready since this step began: written when somebody looks, or at the end. Who is the only one may be handed out before.
local unwritten

-- All of these are given anew: a function of the server keeps what it had from one call to the next.
local function begin(givenKeys, givenArgs)
  keys, args = givenKeys, givenArgs
  READY, RING, META, LEASES, LEASED, PERMITS = keys[1], keys[2], keys[3], keys[4], keys[5], keys[6]
  TIMERS, TIMEOUTS, PAUSED, HELD, KNOWN, WORKERS, INFOS = keys[7], keys[8], keys[9], keys[10], keys[11], keys[12], keys[13]
  OUTBOX = keys[14]
  call, find, sub, format = redis.call, string.find, string.sub, string.format
  -- How a whole number is written. As a float it costs five times as much, but there are machines whose integers are too short.
  WHOLE = WHOLE or #format('%d', 2^40) == 13 and '%d' or '%.0f'
  PADDED = WHOLE == '%d' and '%017d' or '%017.0f'
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

const functions = `
local function lookForRare()
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
local function setTimer(millis, timer)
  call('ZADD', TIMERS, now + millis, timer)
  local due = meta().due
  sooner = sooner or due == 0 or now + millis < due
  becomesDue(now + millis) -- guard: due-with-every-timer
end

-- Numbers that only grow, also when the queue has been empty: nonces of leases, ages of tasks.
local function next_(counter, count, from)
  local all = meta()
  local first = math.max(all[counter] + 1, from or micros)
  all[counter] = first + count - 1
  changed[counter] = true
  return first
end
local function tick(count) return next_('tick', count) end

-- The part of a member that says when its task is handed out: rank and depth. \`depth\`: six digits, the deeper the smaller: one task
-- more on the way counts like a second more of waiting.
local function laterBy(depth) return tonumber(depth) * 1000000 end
local function rankOf(age, depth) return format(PADDED, age + laterBy(depth)) .. depth end

-- In pieces: a call takes only so many arguments.
local function each(list, act)
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

-- Of a member: its share (lane and tenant), and its execution and task.
local function shareOf(member)
  local lane = find(member, SEP, 1, true)
  return sub(member, 1, find(member, SEP, lane + 1, true) - 1)
end
local function laneOf(member)
  return sub(member, 1, find(member, SEP, 1, true) - 1)
end
local function placeOf(member)
  return sub(member, #shareOf(member) + 26)
end
local function executionOf(member)
  local place = placeOf(member)
  return sub(place, 1, find(place, SEP, 1, true) - 1)
end

local function idOf(index) return sub(keys[FIRST + index], #TAG + 3) end
local function load(index)
  local key = keys[FIRST + index]
  local meta = call('HMGET', key, 'T', 'P')
  if not meta[1] then return nil end -- guard(false): unknown-execution
  return { key = key, id = idOf(index), tenant = meta[1], tier = meta[2] }
end

-- Counts of an execution: written when the operation is over, or with what else is written, where their values are known.
local function count(x, field, by)
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

local function write()
  if #unwritten == 0 then return end
  local fields, start = {}, nil
  for i, member in ipairs(unwritten) do
    fields[2 * i - 1] = '0'
    fields[2 * i] = member
    -- Most are of one share.
    if not start or sub(member, 1, #start) ~= start then
      local share = shareOf(member)
      start = share .. SEP
      if not ringed[share] then
        ringed[share] = true
        -- Who was away has saved up nothing.
        call('ZADD', RING, 'NX', meta().floor, share)
      end
    end
  end
  put('ZADD', READY, fields)
  unwritten = {}
end

-- Members to where they can be handed out from.
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

-- Of an \`r\`: lane and depth.
local function rankIn(value) return sub(value, find(value, SEP, 1, true) + 1) end

-- Tasks of one execution become ready, each younger than the one before. \`ranks\`: their lanes and depths. \`fields\`: what is to be
-- written with it.
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
      -- Most are like the one before.
      if ranks[i] ~= rank then
        rank = ranks[i]
        -- A depth has six digits.
        local depth = sub(rank, -6)
        start, later = sub(rank, 1, -7) .. x.tenant .. SEP .. x.tier, laterBy(depth)
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

-- Nothing of a share is ready any more: it leaves the ring.
local function tidy(shares)
  for share in pairs(shares) do
    if #call('ZRANGEBYLEX', READY, '[' .. share .. SEP, '(' .. share .. AFTER, 'LIMIT', 0, 1) == 0 then
      call('ZREM', RING, share)
      ringed[share] = nil
    end
  end
end

-- A lease as it is stored: lane, client, nonce, worker, member.
local parts = '^[^' .. SEP .. ']*' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '([^' .. SEP .. ']*)' .. SEP .. '(.*)$'
local function parse(value)
  local client, nonce, worker, member = string.match(value, parts)
  return { nonce = nonce, worker = worker, client = client, member = member }
end

-- Leases are over: their permits return. Answers them, place by place. With \`tell\`, whoever has them is told to stop; a client knows of
-- what it settles or forgets itself, unless \`own\` says that it must be told too.
local function unlease(places, tell, own)
  if #places == 0 then return {} end
  local values = get(LEASED, places)
  local gone = {}
  -- Most are in one lane, and this client's.
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
      -- Somebody may wait for room; where there always is room, nobody does.
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

/**
 * A script's text: `main` is what it does, `own` are functions that not all have. It makes a function `run` of keys and arguments. The functions are
 * within one of their own: there they find what is given without a search, where they are made anew for every call.
 */
export const withCommons = (main: string, own: ReadonlyArray<string>): string => `${begin}
local run = (function()
${functions}
${own.join("\n")}
local function main()
${main}
end
return function(givenKeys, givenArgs)
  begin(givenKeys, givenArgs)
  return main()
end
end)()
`
