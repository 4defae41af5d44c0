-- Hands out up to `limit` tasks: among the shares whose lane has a free slot, the share whose turn
-- it is; within a share, the first task. `lanes`: the worker's free slots per lane, or false. Picks
-- are counted first and then fetched share by share, so that many tasks need few commands.
--
-- Keys: ready, ring, meta, leases, leased, permits, timeouts
-- include: call/answer
-- include: transitions/lease
-- include: transitions/ready

-- Compares bytes, because string comparison in Lua depends on the locale.
local function before(a, b)
  local one, two = a.name, b.name
  for i = 1, math.min(#one, #two) do
    local x, y = string.byte(one, i), string.byte(two, i)
    if x ~= y then return x < y end
  end
  return #one < #two
end

operations.claim = function(worker, limit, lanes)
  if limit <= 0 then return {} end
  -- The only ready task, made ready in this step, is handed out without being written.
  if #unwritten == 1 and not lanes and call('EXISTS', RING) == 0 then
    local member = unwritten[1]
    local name = shareOf(member)
    local lane = laneOf(name)
    if not limits[lane] then -- guard(true): lane-limit-from-hand-to-hand
      unwritten = {}
      added[#added] = nil
      permit(lane, 1)
      return lease(worker, { { { name = name, lane = lane }, member } })
    end
  end
  write()
  -- With many shares, those whose turn comes first; the others only if these have too few tasks.
  local window = limit + 16
  local ring = call('ZRANGE', RING, 0, window - 1, 'WITHSCORES')
  if #ring == 0 then return {} end
  local used = {}
  local function room(lane)
    local most = limits[lane]
    if not most then return math.huge end -- guard(true): lane-limit
    used[lane] = used[lane] or tonumber(call('HGET', PERMITS, lane) or 0) + (permits[lane] or 0)
    return most - used[lane]
  end
  local own = {}
  local function named(lane) return lanes[lane] and lane or 'default' end
  local function quota(lane)
    if not lanes then return math.huge end
    local name = named(lane)
    own[name] = own[name] or lanes[name] or 0
    return own[name]
  end
  local function spend(lane, count)
    if used[lane] then used[lane] = used[lane] + count end -- guard(false): lane-limit-in-one-take
    if lanes then own[named(lane)] = quota(lane) - count end -- guard(false): quota-of-a-worker
  end
  local picks, left, several = {}, limit, false
  local function pick(open)
    while left > 0 do
      local any = false
      while left > 0 do
        local best
        for _, share in ipairs(open) do
          if not share.empty and room(share.lane) > 0 and quota(share.lane) > 0 then
            if not best or share.turn + share.count < best.turn + best.count then best = share end
          end
        end
        if not best then break end
        -- The only open share takes all free slots at once.
        local count = #open == 1 and math.min(left, room(best.lane), quota(best.lane)) or 1
        best.count = best.count + count
        left = left - count
        spend(best.lane, count)
        any = true
      end
      if not any then return end
      for _, share in ipairs(open) do
        if share.count > 0 then
          local name = share.name
          local found = call('ZRANGEBYLEX', READY, '[' .. name .. SEP, '(' .. name .. AFTER, 'LIMIT', 0, share.count + 1)
          local more = #found > share.count
          if more then found[#found] = nil end
          put('ZREM', READY, found)
          permit(share.lane, #found)
          for i, member in ipairs(found) do picks[#picks + 1] = { share, member, share.turn + i - 1 } end
          share.turn = share.turn + #found
          if more then
            call('ZADD', RING, share.turn, name)
          else
            share.empty = true
            call('ZREM', RING, name)
            ringed[name] = nil
            left = left + share.count - #found
            spend(share.lane, #found - share.count)
          end
          share.count = 0
        end
      end
    end
  end
  local at, seen, whole = 1, {}, #ring < 2 * window
  while left > 0 do
    local open = {}
    while at < #ring and #open < window do
      local name = ring[at]
      if not seen[name] then
        seen[name] = true
        open[#open + 1] = { name = name, lane = laneOf(name), turn = tonumber(ring[at + 1]), count = 0 }
      end
      at = at + 2
    end
    if #open > 0 then
      if #open > 1 then table.sort(open, before) end
      for i, share in ipairs(open) do share.order = i end
      several = several or #open > 1 or #picks > 0
      pick(open)
    elseif whole then
      break
    else
      at, ring, whole = 1, call('ZRANGE', RING, 0, -1, 'WITHSCORES'), true
    end
  end
  if #picks == 0 then return {} end
  if several then
    table.sort(picks, function(a, b)
      if a[3] ~= b[3] then return a[3] < b[3] end
      return a[1].order < b[1].order
    end)
  end
  local all = meta()
  local last = picks[#picks][3]
  if last > all.floor then
    all.floor = last
    changed.floor = true
  end
  return lease(worker, picks)
end
