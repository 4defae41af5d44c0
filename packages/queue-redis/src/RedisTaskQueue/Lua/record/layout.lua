-- The layout of records. The generated module exports the marked numbers and separators to
-- TypeScript.
--
-- A task that may be handed out has a member: lane SEP tenant SEP tier rank depth execution SEP
-- task. Lane and tenant form its share; tier, rank and depth order the members of a share by their
-- bytes. The tier is one digit. The rank is the time at which the task became ready, in
-- microseconds, plus a second per unit of depth. The longer the path of dependents after a task,
-- the smaller its depth: one more task on the path is worth one more second of waiting. A member is
-- in exactly one of `ready`, `leased`, `timers` (delayed) or `held` (its execution is paused). A
-- suspended task has no member until its wait ends.
--
-- Positions of rank, depth and execution in a member, after the end of its share.
local RANK_AT = 3
local DEPTH_AT, PLACE_AT = 20, 26 -- exported
-- Separators between the parts of a record and between the entries of a list. Names never contain
-- them.
local SEP, LIST = '\31', '\29' -- exported
-- The byte after SEP: keys that begin with a name and SEP sort before the name and AFTER.
local AFTER = '\32'
