-- Members become ready, or are held while their execution is paused. `ring` contains the shares
-- that have ready tasks, scored by the number of turns they had.
-- include: call/commands
-- include: call/counters
-- include: call/seldom
-- include: record/member
local function write()
  if #unwritten == 0 then return end
  local fields, start = {}, nil
  for i, member in ipairs(unwritten) do
    fields[2 * i - 1] = '0'
    fields[2 * i] = member
    -- Most belong to one share.
    if not start or sub(member, 1, #start) ~= start then
      local share = shareOf(member)
      start = share .. SEP
      if not ringed[share] then
        ringed[share] = true
        -- A share that was empty does not accumulate turns.
        call('ZADD', RING, 'NX', meta().floor, share)
      end
    end
  end
  put('ZADD', READY, fields)
  unwritten = {}
end

local function push(execution, members)
  if #members == 0 then return end
  if isPaused(execution) then -- guard(false): paused-is-held
    local fields = {}
    for _, member in ipairs(members) do
      fields[#fields + 1] = '0'
      fields[#fields + 1] = execution .. SEP .. member
    end
    put('ZADD', HELD, fields)
    return
  end
  for _, member in ipairs(members) do
    added[#added + 1] = member
    unwritten[#unwritten + 1] = member
  end
end

-- Removes shares without ready tasks from the ring.
local function tidy(shares)
  for share in pairs(shares) do
    if #call('ZRANGEBYLEX', READY, '[' .. share .. SEP, '(' .. share .. AFTER, 'LIMIT', 0, 1) == 0 then
      call('ZREM', RING, share)
      ringed[share] = nil
    end
  end
end
