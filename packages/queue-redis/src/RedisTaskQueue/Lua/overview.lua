-- Returns the load of the queue by lane, for all tenants or for one. The oldest task of a share is
-- searched among its first 1,000; the timers of one tenant are counted among the first 10,000.
--
-- KEYS[1..14], ARGV[1..2]  `call/given`
-- ARGV[3]                  the tenant; empty: all tenants
-- include: call/given
local run = (function()
  -- include: call/finish
  -- include: transitions/promote
  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    promote()
    finish()
    local tenant = args[3] ~= '' and args[3]
    local lanes = {}
    local function of(lane)
      lanes[lane] = lanes[lane] or { ready = 0, leased = 0, oldest = -1 }
      return lanes[lane]
    end
    local function isSeen(member) return not tenant or tenantOf(member) == tenant end
    for lane in pairs(limits) do of(lane) end
    for _, share in ipairs(call('ZRANGE', RING, 0, -1)) do
      if isSeen(share .. SEP) then
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
    end
    local executions, timed
    if tenant then
      for _, value in ipairs(call('HVALS', LEASED)) do
        local member = parse(value).member
        if isSeen(member) then
          local lane = of(laneOf(member))
          lane.leased = lane.leased + 1
        end
      end
      executions, timed = tonumber(call('HGET', META, TALLY .. tenant) or 0), 0
      for _, timer in ipairs(call('ZRANGE', TIMERS, 0, 9999)) do
        if isSeen(sub(timer, find(timer, SEP, 1, true) + 1)) then timed = timed + 1 end
      end
    else
      local permits = call('HGETALL', PERMITS)
      for i = 1, #permits, 2 do of(permits[i]).leased = tonumber(permits[i + 1]) end
      executions, timed = call('ZCARD', KNOWN), call('ZCARD', TIMERS)
    end
    return cjson.encode({ executions = executions, timed = timed, lanes = lanes })
  end
end)()
