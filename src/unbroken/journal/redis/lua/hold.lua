#!lua flags=allow-oom
-- ARGV: 3 lease, 4 time to live; then for each stream id, fence, head.
-- Returns for each: 0 held, 1 held, and somebody asks for its end, 2 lost.
local lease, results = tonumber(ARGV[3]), {}
for at = 5, #ARGV, 3 do
  local s = load(ARGV[at])
  local result = 2
  if s and s.fence == tonumber(ARGV[at + 1]) and s.worker == me and s.status == 'live'
    and s.head >= tonumber(ARGV[at + 2]) then
    let_go(s)
    give(s, me, lease)
    redis.call('HSET', key(s.id), 'touched', now)
    expire(s.id, ARGV[4])
    result = tonumber(s.stop)
  end
  results[#results + 1] = result
end
return results
