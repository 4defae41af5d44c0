-- Adds an execution. Returns 1; 0 if it is already known; -1 if staged parts are missing. Its
-- fields were staged before, or come with the call if they are few.
--
-- KEYS[1..14], ARGV[1..2]  `call/given`
-- KEYS[15]                 where the execution's hash was staged
-- KEYS[16]                 the execution's hash
-- ARGV[3]                  facts as JSON: id, tenant, tier, paused, staged (the number of staged
--                          fields), fields (alternating names and values), turns (tasks that
--                          become ready or get a timer, in order)
-- include: call/given
local run = (function()
  -- include: call/timer
  -- include: call/finish
  -- include: transitions/awake
  return function(givenKeys, givenArgs)
    receive(givenKeys, givenArgs)
    local STAGE, HASH = keys[15], keys[16]
    local facts = cjson.decode(args[3])
    if call('EXISTS', HASH) == 1 then -- guard(false): activated-only-if-absent
      call('UNLINK', STAGE)
      return 0
    end
    if facts.staged > 0 then
      -- Parts that were not activated in time have expired, perhaps only the first ones.
      if call('HLEN', STAGE) ~= facts.staged then -- guard(false): never-a-half
        call('UNLINK', STAGE)
        return -1
      end
      call('RENAME', STAGE, HASH)
      call('PERSIST', HASH) -- guard: activated-stays
    end
    if #facts.fields > 0 then put('HSET', HASH, facts.fields) end
    call('ZADD', KNOWN, 0, facts.id .. SEP .. facts.tenant)
    call('HINCRBY', META, TALLY .. facts.tenant, 1)
    call('PERSIST', META) -- guard: counters-stay
    if facts.paused then call('HSET', PAUSED, facts.id, 1) end
    local x = { key = HASH, id = facts.id, tenant = facts.tenant, tier = facts.tier }
    for _, turn in ipairs(facts.turns) do
      if turn[1] == 'ready' then
        awake(x, turn[2], turn[3])
      else
        -- A delay or a wait: its member has an age, like that of a ready task, and a time.
        local kind, id, millis = turn[2], turn[3], turn[4]
        local lane, depth = string.match(turn[5], '^(.*)' .. SEP .. '(%d+)$')
        local member = lane .. SEP .. x.tenant .. SEP .. x.tier .. rankOf(next_('age', 1), depth) .. x.id .. SEP .. id
        local timer = kind .. SEP .. member
        setTimer(millis, timer)
        if kind == 'd' then
          call('HSET', HASH, 's' .. id, 'h' .. member)
          count(x, 'H', 1)
        else
          local epoch = string.match(call('HGET', HASH, 'w' .. id), '^%d+')
          call('HSET', HASH, 'w' .. id, epoch .. SEP .. timer)
          count(x, 'K', 1)
        end
      end
    end
    save(x)
    finish()
    return 1
  end
end)()
