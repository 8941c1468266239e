#!lua flags=allow-oom
-- ARGV: from 3, ids. Returns for each its fence and head; 0 and 0 for one that is not there, or not whole.
local results = {}
for at = 3, #ARGV do
  local v = redis.call('HMGET', key(ARGV[at]), 'fence', 'head')
  if v[1] and redis.call('XLEN', log(ARGV[at])) ~= tonumber(v[2]) then v = {} end
  results[#results + 1] = tonumber(v[1] or 0)
  results[#results + 1] = tonumber(v[2] or 0)
end
return results
