-- Extends the graph, suspends a task and ends its lease. The awaited facts are checked immediately,
-- because they may have arrived already.
--
-- Keys: ready, ring, meta, leases, leased, permits, timers, timeouts, paused, held, outbox, the execution
-- include: call/answer
-- include: call/timer
-- include: record/execution
-- include: transitions/awake
-- include: transitions/giveBack
-- include: transitions/grow
operations.suspend = function(id, task, nonce, suspension)
  local x = load(id)
  local lease = x and giveBack(x, task, nonce)
  if not lease then return 0 end
  local place = x.id .. SEP .. task
  if hasFired() then call('HDEL', TIMEOUTS, place) end -- guard(false): old-timer-ends
  -- A wait that timed out and was claimed still counts as a wait: it ends now.
  if call('HGET', x.key, 's' .. task) == 'u' then
    local _, timer = string.match(call('HGET', x.key, 'w' .. task), '^(%d+)' .. SEP .. '(.*)$')
    if timer ~= '' then count(x, 'K', -1) end
  else
    count(x, 'H', -1)
  end
  local free = grow(x, suspension.nodes)
  local all = suspension.mode == 'all'
  local left, met = 0, 0
  -- Each wait has a unique number, so that entries left from an earlier wait do not count for this
  -- one.
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
