-- The parts of a member.
-- The amount that a depth adds to a rank: a second per unit.
local function laterBy(depth) return tonumber(depth) * 1000000 end
local function rankOf(age, depth) return format(PADDED, age + laterBy(depth)) .. depth end
local function shareOf(member)
  local lane = find(member, SEP, 1, true)
  return sub(member, 1, find(member, SEP, lane + 1, true) - 1)
end
local function laneOf(member)
  return sub(member, 1, find(member, SEP, 1, true) - 1)
end
local function tenantOf(member)
  local share = shareOf(member)
  return sub(share, find(share, SEP, 1, true) + 1)
end
-- The execution and the task, separated.
local function placeOf(member)
  return sub(member, #shareOf(member) + PLACE_AT)
end
local function executionOf(member)
  local place = placeOf(member)
  return sub(place, 1, find(place, SEP, 1, true) - 1)
end
