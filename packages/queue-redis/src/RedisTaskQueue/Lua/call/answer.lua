-- Performs the operations of a request exactly once. The last reply of each client is kept, so that
-- a client that did not receive it can repeat the request and gets the same reply.
--
-- KEYS[15]    the client's last reply
-- KEYS[16..]  the hashes of the executions that the operations name by their position
-- ARGV[3]     the number of the request
-- ARGV[4]     the operations as JSON: lists of a name and its arguments
-- include: call/finish
-- include: transitions/promote
local operations = {}
local function answer()
  local REPLY = keys[15]
  local request = args[3]
  local last = call('GET', REPLY)
  if last then
    local at = find(last, SEP, 1, true)
    if sub(last, 1, at - 1) == request then return sub(last, at + 1) end -- guard(false): once-per-request
  end
  promote()
  local results = {}
  for i, operation in ipairs(cjson.decode(args[4])) do
    results[i] = operations[operation[1]](unpack(operation, 2)) or 0
  end
  finish()
  local due = meta().due
  local reply = cjson.encode({ results = results, next = due < NEVER and math.max(due - now, 0) or -1 })
  call('SET', REPLY, request .. SEP .. reply, 'PX', REPLY_MILLIS)
  return reply
end
