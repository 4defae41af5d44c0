-- Extends leases (execution, task, nonce). Returns the nonces of leases that another worker holds
-- by now. Executions that the queue has lost are ignored, because they will be submitted again.
--
-- Keys: meta, leases, leased, the executions
-- include: call/answer
-- include: call/commands
-- include: record/execution
-- include: record/lease
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
  -- The clock of another server may be behind.
  if #kept > 0 then becomesDue(now + TTL) end
  return lost
end
