-- Returns whether the execution can advance without new facts, and the seq up to which the queue
-- knows it.
--
-- Keys: held, the execution
-- include: call/answer
-- include: record/execution
operations.inspect = function(id)
  local key = keys[FIRST + id]
  local x = call('HMGET', key, 'T', 'U', 'H', 'K')
  if not x[1] then return { 'absent', 0 } end
  local execution = idOf(id)
  local held = call('ZLEXCOUNT', HELD, '[' .. execution .. SEP, '(' .. execution .. AFTER)
  local busy = tonumber(x[3]) + tonumber(x[4]) - held > 0
  return { busy and 'busy' or 'idle', tonumber(x[2]) }
end
