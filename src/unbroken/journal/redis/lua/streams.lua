#!lua flags=allow-oom
-- ARGV: 3 after, 4 limit. Returns the last id that was looked at, or '' at the end, and pairs of id and state.
local after, limit = ARGV[3], tonumber(ARGV[4])
local ids = redis.call('ZRANGEBYLEX', base .. ':ids', after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, limit)
local found = {}
for _, id in ipairs(ids) do
  local s = load(id)
  if s then
    found[#found + 1] = id
    found[#found + 1] = state(s)
  end
end
return {#ids == limit and ids[#ids] or '', found}
