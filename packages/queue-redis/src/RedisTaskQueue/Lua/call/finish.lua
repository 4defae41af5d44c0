-- The last step of every script that changes something.
-- include: call/commands
-- include: call/counters
-- include: transitions/ready

-- Publishes lost leases, a timer that fires before all others, and that tasks are ready. With an
-- outbox, a bell is written for each task that became ready and was not claimed at once; its number
-- identifies the activation. Messages are best effort, so a user without permission to publish is
-- not an error.
local function announce()
  if #losses > 0 then redis.pcall('PUBLISH', TAG .. 'news', cjson.encode(losses)) end
  local isReady = (#added > 0 or freed) and call('EXISTS', RING) == 1
  -- Waiting clients must look earlier than announced to them.
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
    -- A lane has a free slot again: the first task may use it.
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
  -- Not immediately: after many leases at once the numbers are ahead of the clock, and they must
  -- not be given out twice.
  if emptied then call('PEXPIRE', META, 60000) end
end
