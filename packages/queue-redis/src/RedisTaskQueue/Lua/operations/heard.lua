-- A worker is still there. Answers 0 when it is not enlisted.
--
-- Keys: workers
-- include: call/answer
operations.heard = function(worker)
  if not call('ZSCORE', WORKERS, worker) then return 0 end
  call('ZADD', WORKERS, now, worker)
  return 1
end
