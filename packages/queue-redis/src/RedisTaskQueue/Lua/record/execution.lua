-- An execution's hash. `Staging.ts` writes it as it begins.
--
-- Fields of the execution: `T` tenant, `P` tier, `U` told up to this seq, `S` seq of the newest pause, `N` tasks, `X` settled tasks, `H`
-- tasks that have a member, `K` suspended tasks with a timer, `V` somebody has waited for a task.
--
-- Fields of each task, a letter and its id: `r` the number of its unsettled dependencies (until it is ready), its lane and its depth; `d`
-- its dependents, a separator before each (of a task that is yet to come: between them); `v` the waits for it; `s` its state (none: waits
-- for dependencies; `x`: settled; `u`: suspended; `h` and its member); `w` number and timer of its wait; `c` how many of the things that
-- it waits for are missing.
--
-- Fields of each signal: `a` it has come, `g` the waits for it.
local function idOf(index) return sub(keys[FIRST + index], #TAG + 3) end
local function load(index)
  local key = keys[FIRST + index]
  local meta = call('HMGET', key, 'T', 'P')
  if not meta[1] then return nil end -- guard(false): unknown-execution
  return { key = key, id = idOf(index), tenant = meta[1], tier = meta[2] }
end
