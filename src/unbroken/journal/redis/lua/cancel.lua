#!lua flags=allow-oom
-- ARGV: 3 id
local s = load(ARGV[3])
if not s or s.status ~= 'live' then return 0 end
redis.call('HSET', key(s.id), 'stop', 1)
ring(s.id)
return 1
