-- Pauses or resumes an execution; the newer of two facts wins. Ready tasks of a paused execution
-- are held.
-- include: transitions/ready
local function pause(x, paused, seq)
  if seq < tonumber(call('HGET', x.key, 'S')) then return end -- guard(false): newest-pause
  call('HSET', x.key, 'S', seq)
  if paused == (call('HEXISTS', PAUSED, x.id) == 1) then return end
  local members = {}
  if paused then
    local all = call('HGETALL', x.key)
    for i = 1, #all, 2 do
      local kind = sub(all[i], 1, 1)
      if kind == 's' then
        local id = sub(all[i], 2)
        local state = sub(all[i + 1], 1, 1)
        if state == 'h' then members[#members + 1] = sub(all[i + 1], 2) end
        if state == 'u' then
          local fired = call('HGET', TIMEOUTS, x.id .. SEP .. id)
          if fired then members[#members + 1] = string.match(fired, '^%d+' .. SEP .. '(.*)$') end
        end
      end
    end
    call('HSET', PAUSED, x.id, 1)
    somePaused = nil
    write()
    local shares, ready = {}, {}
    for _, member in ipairs(members) do
      if call('ZREM', READY, member) == 1 then
        ready[#ready + 1] = member
        shares[shareOf(member)] = true
      end
    end
    tidy(shares)
    push(x.id, ready)
  else
    call('HDEL', PAUSED, x.id)
    local held = call('ZRANGEBYLEX', HELD, '[' .. x.id .. SEP, '(' .. x.id .. AFTER)
    for i, each in ipairs(held) do members[i] = sub(each, #x.id + 2) end
    put('ZREM', HELD, held)
    push(x.id, members)
  end
end
