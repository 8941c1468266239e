#!lua flags=allow-oom
-- The schema's version, set where there is none, and the last that the bell has rung for.
-- ARGV: 3 version
local version = redis.call('GET', base .. ':schema')
if not version then
  version = ARGV[3]
  redis.call('SET', base .. ':schema', version)
end
local last = redis.call('XREVRANGE', base .. ':bell', '+', '-', 'COUNT', 1)[1]
return {version, last and last[1] or '0-0'}
