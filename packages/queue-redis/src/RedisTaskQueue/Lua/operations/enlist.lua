-- Registers a worker. Removes workers that were silent for an hour.
--
-- Keys: workers, infos
-- include: call/answer
-- include: call/commands
operations.enlist = function(worker, info)
  call('HSET', INFOS, worker, info)
  call('ZADD', WORKERS, now, worker)
  local old = call('ZRANGEBYSCORE', WORKERS, '-inf', now - 3600000)
  put('ZREM', WORKERS, old)
  put('HDEL', INFOS, old)
end
