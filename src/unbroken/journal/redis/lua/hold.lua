#!lua flags=allow-oom
-- ARGV: 3 lease, 4 time to live; then for each stream id, fence, head, call (as for append).
-- Returns for each: 0 held, 1 held, and somebody asks for its end, 2 lost.
local lease, results = tonumber(ARGV[3]), {}
for at = 5, #ARGV, 4 do
  local s, call = load(ARGV[at]), ARGV[at + 3]
  local result = 2
  if s and s.fence == tonumber(ARGV[at + 1]) and s.head >= tonumber(ARGV[at + 2]) and s.status == 'live'
    and (call == '' or s.call == call) then
    let_go(s)
    give(s, me, lease)
    redis.call('HSET', key(s.id), 'touched', now)
    expire(s.id, ARGV[4])
    result = tonumber(s.stop)
  end
  results[#results + 1] = result
end
return results
