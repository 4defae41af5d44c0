-- Removes an execution with its leases and timers. After the last execution, the counters are
-- removed too, with a delay, so that an empty queue leaves no keys.
--
-- Keys: ready, ring, meta, leases, leased, permits, timers, timeouts, paused, held, known, outbox, the execution
-- include: call/answer
-- include: record/execution
-- include: transitions/withdraw
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
  if call('HINCRBY', META, TALLY .. x.tenant, -1) <= 0 then call('HDEL', META, TALLY .. x.tenant) end -- guard(false): empty-tenant-goes
  if call('EXISTS', KNOWN) == 0 then -- guard(false): nothing-stays
    call('DEL', OUTBOX)
    emptied = true
  end
  return 1
end
