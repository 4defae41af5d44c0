-- Answers how full the queue is, lane by lane. The oldest task of a share is looked for among its first 1,000.
--
-- KEYS[1..14], ARGV[1..2]  `call/given`
-- include: call/given
local run = (function()
  -- include: call/finish
  -- include: transitions/promote
  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    promote()
    finish()
    local lanes = {}
    local function of(lane)
      lanes[lane] = lanes[lane] or { ready = 0, leased = 0, oldest = -1 }
      return lanes[lane]
    end
    for lane in pairs(limits) do of(lane) end
    for _, share in ipairs(call('ZRANGE', RING, 0, -1)) do
      local lane = of(laneOf(share))
      local from, to = '[' .. share .. SEP, '(' .. share .. AFTER
      lane.ready = lane.ready + call('ZLEXCOUNT', READY, from, to)
      for _, member in ipairs(call('ZRANGEBYLEX', READY, from, to, 'LIMIT', 0, 1000)) do
        local rank = tonumber(sub(member, #share + RANK_AT, #share + DEPTH_AT - 1))
        local depth = sub(member, #share + DEPTH_AT, #share + PLACE_AT - 1)
        local waited = math.max(now - math.floor((rank - laterBy(depth)) / 1000), 0)
        if waited > lane.oldest then lane.oldest = waited end
      end
    end
    local permits = call('HGETALL', PERMITS)
    for i = 1, #permits, 2 do of(permits[i]).leased = tonumber(permits[i + 1]) end
    return cjson.encode({ executions = call('ZCARD', KNOWN), timed = call('ZCARD', TIMERS), lanes = lanes })
  end
end)()
