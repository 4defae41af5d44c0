-- Removes a worker that stopped or died; the tasks it held are ready again.
--
-- Keys: ready, ring, meta, leases, leased, permits, paused, held, workers, infos, outbox
-- include: call/answer
-- include: transitions/expire
operations.dismiss = function(worker)
  call('ZREM', WORKERS, worker)
  call('HDEL', INFOS, worker)
  local places = {}
  for _, value in ipairs(call('HVALS', LEASED)) do
    local lease = parse(value)
    if lease.worker == worker then places[#places + 1] = placeOf(lease.member) end -- guard(true): only-of-the-dismissed
  end
  expire(places)
end
