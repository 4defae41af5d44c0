-- Settles tasks of one execution: a short form of `tell`.
--
-- Keys: ready, ring, meta, leases, leased, permits, timers, timeouts, paused, held, outbox, the execution
-- include: call/answer
-- include: record/execution
-- include: transitions/settle
-- include: transitions/wake
operations.settle = function(id, ids)
  -- An unknown execution has no known tasks.
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
