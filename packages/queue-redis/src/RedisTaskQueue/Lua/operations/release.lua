-- Gives a task back, immediately or after a delay in milliseconds, unless the lease belongs to
-- another worker by now.
--
-- Keys: ready, meta, leases, leased, permits, timers, paused, held, outbox, the execution
-- include: call/answer
-- include: call/timer
-- include: record/execution
-- include: transitions/giveBack
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
