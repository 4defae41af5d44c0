-- Tasks of one execution become ready, each younger than the one before. `ranks`: their lanes and
-- depths, read if absent. `fields`: other fields to write to the execution's hash.
-- include: record/counts
-- include: transitions/ready
local function rankIn(value) return sub(value, find(value, SEP, 1, true) + 1) end

local function awake(x, ids, ranks, fields)
  fields = fields or {}
  if #ids > 0 then
    if not ranks then
      ranks = get(x.key, prefixed('r', ids))
      for i = 1, #ids do ranks[i] = rankIn(ranks[i]) end
    end
    local age = next_('age', #ids)
    local members, rank, start, later, rest = {}, nil, nil, nil, nil
    for i, id in ipairs(ids) do
      -- Most have the lane and depth of the one before.
      if ranks[i] ~= rank then
        rank = ranks[i]
        -- Its last digits.
        local depth = sub(rank, DEPTH_AT - PLACE_AT)
        start, later = sub(rank, 1, DEPTH_AT - PLACE_AT - 1) .. x.tenant .. SEP .. x.tier, laterBy(depth)
        rest = depth .. x.id .. SEP
      end
      local member = start .. format(PADDED, age + i - 1 + later) .. rest .. id
      members[i] = member
      local at = #fields
      fields[at + 1], fields[at + 2] = 's' .. id, 'h' .. member
    end
    count(x, 'H', #ids)
    push(x.id, members)
  end
  if x.known then tally(x, fields) end
  put('HSET', x.key, fields)
end
