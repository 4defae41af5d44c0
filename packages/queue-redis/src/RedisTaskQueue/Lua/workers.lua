-- Returns the workers with their descriptions and the time since they were last heard from, and all
-- leases with their workers.
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
    local list = {}
    local heard = call('ZRANGE', WORKERS, 0, -1, 'WITHSCORES')
    for i = 1, #heard, 2 do
      list[#list + 1] = { heard[i], call('HGET', INFOS, heard[i]), math.max(now - tonumber(heard[i + 1]), 0) }
    end
    local leases = {}
    for i, value in ipairs(call('HVALS', LEASED)) do
      local lease = parse(value)
      leases[i] = { lease.worker, lease.member }
    end
    return cjson.encode({ workers = list, leases = leases })
  end
end)()
