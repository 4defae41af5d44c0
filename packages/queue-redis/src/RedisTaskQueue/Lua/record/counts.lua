-- The counts of an execution. They are written at the end of the operation, or together with its
-- other fields if the values are known then.
local function count(x, field, by)
  x[field] = (x[field] or 0) + by
end
local function tally(x, fields)
  for field, value in pairs(x.known) do
    local change = x[field] or 0
    if change ~= 0 then
      fields[#fields + 1] = field
      fields[#fields + 1] = value + change
      x.known[field] = value + change
      x[field] = nil
    end
  end
end
local function save(x)
  for _, field in ipairs(COUNTS) do
    local change = x[field]
    if change and change ~= 0 then call('HINCRBY', x.key, field, change) end
    x[field] = nil
  end
end
