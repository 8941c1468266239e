#!lua flags=allow-oom
-- ARGV: 3 id, 4 after, 5 limit. Returns the state, and the data of the entries.
local s = load(ARGV[3])
if not s then return false end
local after, limit = tonumber(ARGV[4]), tonumber(ARGV[5])
local found = {}
if after < s.head and limit > 0 then
  local fence
  for each, first in s.starts:gmatch('(%d+):(%d+)') do
    if tonumber(first) > after + 1 then break end
    fence = each
  end
  local entries = redis.call('XRANGE', log(s.id), fence .. '-' .. (after + 1), '+', 'COUNT', limit)
  for i, entry in ipairs(entries) do found[i] = entry[2][2] end
end
return {state(s), found}
