-- A worker has stopped.
--
-- Keys: workers, infos
-- include: call/answer
operations.dismiss = function(worker)
  call('ZREM', WORKERS, worker)
  call('HDEL', INFOS, worker)
end
