-- Ends leases and returns their permits. Returns the stored values, place by place. With `tell`,
-- the holders are notified; a client needs no message about leases that it ends itself, unless
-- `own` is set.
-- include: call/commands
-- include: record/member
-- include: record/lease
local function unlease(places, tell, own)
  if #places == 0 then return {} end
  local values = get(LEASED, places)
  local gone = {}
  -- Most are in one lane, and held by this client.
  local lane, start
  for i, place in ipairs(places) do
    local value = values[i]
    if value then
      gone[#gone + 1] = place
      local isMine = start and sub(value, 1, #start) == start
      if not isMine then
        lane = laneOf(value)
        start = lane .. SEP .. mine
        isMine = sub(value, 1, #start) == start
      end
      permits[lane] = (permits[lane] or 0) - 1
      -- Workers wait for slots only in lanes that have a limit.
      if limits[lane] then freed = true end
      if tell and (own or not isMine) then
        local lease = parse(value)
        losses[#losses + 1] = { lease.worker, lease.nonce }
      end
    end
  end
  put('HDEL', LEASED, gone)
  put('ZREM', LEASES, gone) -- guard: ended-lease-does-not-run-out
  return values
end
