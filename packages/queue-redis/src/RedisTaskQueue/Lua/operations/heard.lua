-- Records that a worker is alive. Returns 0 if it is not registered.
--
-- Keys: workers
-- include: call/answer
operations.heard = function(worker)
  if not call('ZSCORE', WORKERS, worker) then return 0 end
  call('ZADD', WORKERS, now, worker)
  return 1
end
