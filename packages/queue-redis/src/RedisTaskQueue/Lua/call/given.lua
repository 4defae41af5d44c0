-- The inputs of every call, and the state of one call. A script includes this first and wraps the
-- rest in a single function: an evaluated script creates its functions again for every call, and a
-- function accesses the locals of its enclosing function faster.
--
-- KEYS[1..14]  the keys of the queue, in the order of `receive` and of `Keys.ts`
-- ARGV[1]      the time in milliseconds; empty: the time of the Redis server
-- ARGV[2]      settings: the client, the duration of its leases and of its replies in milliseconds,
--              non-empty if bells are wanted, and the limits of lanes as JSON
-- include: record/layout
local keys, args
local READY, RING, META, LEASES, LEASED, PERMITS, TIMERS, TIMEOUTS, PAUSED, HELD, KNOWN, WORKERS, INFOS, OUTBOX
-- The prefix of every key, and the position of the first execution's hash among the keys of a step.
local TAG, FIRST = nil, 16
local NEVER = 9e15
local COUNTS = { 'X', 'H', 'K' }
-- Matches each of several names with separators between them.
local NAMES = '[^' .. SEP .. ']+'
local call, find, sub, format, WHOLE, PADDED
local CLIENT, TTL, REPLY_MILLIS, OUTBOXED, mine, limits
local micros, now
local added, freed, sooner, losses
-- Commands are most of the cost of a step. So repeated reads are cached, counters are written once,
-- by `finish`, and in steady state as many permits are returned as are taken.
local counters, changed, permits, ringed, emptied, somePaused, someFired
-- Members that became ready in this step, written when they are read or at the end. A single one
-- may be handed out before that.
local unwritten

-- Resets all of these: a server function keeps its locals from one call to the next.
local function receive(givenKeys, givenArgs)
  keys, args = givenKeys, givenArgs
  READY, RING, META, LEASES, LEASED, PERMITS = keys[1], keys[2], keys[3], keys[4], keys[5], keys[6]
  TIMERS, TIMEOUTS, PAUSED, HELD, KNOWN, WORKERS, INFOS = keys[7], keys[8], keys[9], keys[10], keys[11], keys[12], keys[13]
  OUTBOX = keys[14]
  call, find, sub, format = redis.call, string.find, string.sub, string.format
  -- The format of whole numbers. '%.0f' takes five times as long, but on some machines '%d' is
  -- limited to 32 bits.
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
