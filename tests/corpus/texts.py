"""Answers to cut: named texts that are hard to join, each in its own way.

`TEXTS` maps a name to a text of about 200 to 900 characters. They repeat themselves on purpose, carry white space
that matters, or are written in characters that a careless cut would break.
"""

# ruff: noqa: FLY002 - the texts keep their own lines; the joined one is there for its trailing white space.

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TEXTS"]

_PROSE = """\
The lighthouse at Rua Point was lit for the first time on the ninth of March, and for the last time, so everyone \
believed, on the ninth of March eighty years later. Nobody had planned it so. The keeper, a patient woman called \
Ines, climbed the hundred and twelve steps that evening with a tin of oil, a book she did not mean to read, and a \
letter she did not mean to answer. Halfway up she stopped. Below her the sea was flat and grey; above her the lamp \
was dark. She thought of the ships that no longer came, and then, because it was her work, she went on climbing.

By midnight the wind had changed. She lit the lamp anyway."""

_LIST = """\
## Before you deploy

1. **Check the queue.** It should be empty, or nearly so:
   - no job older than five minutes;
   - no job that has been tried three times;
   - no job without an owner.
2. **Check the disk.** It should be less than 80% full:
   - logs are rotated at night;
   - images are pruned on Sundays.
3. **Check the clock.** A clock that is wrong breaks everything else.

Then:

- [x] tell the others
- [ ] press the button
- [ ] watch the graphs for ten minutes
- [ ] tell the others again

> A deploy on a Friday is a deploy on a Monday, with a weekend in between.
"""

_TABLE = """\
Here are the readings from the three sensors:

| time  | sensor | value | state |
|-------|:------:|------:|-------|
| 09:00 | A      |  21.5 | ok    |
| 09:00 | B      |  21.5 | ok    |
| 09:00 | C      |  21.5 | ok    |
| -     | -      |     - | -     |
| -     | -      |     - | -     |
| -     | -      |     - | -     |
| 10:00 | A      |  21.5 | ok    |
| 10:00 | B      |  21.5 | ok    |
| 10:00 | C      |  21.9 | warm  |
| -     | -      |     - | -     |
| -     | -      |     - | -     |

Only sensor C moved, and only in the second hour."""

_CODE = '''\
Here is a function that merges intervals:

```python
def merge(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Merge intervals that touch or overlap."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            last = merged.pop()
            merged.append((last[0], max(last[1], end)))
        else:
            merged.append((start, end))

    return merged


if __name__ == "__main__":
    print(merge([(1, 3), (2, 6), (8, 10)]))
    print(merge([(1, 3), (2, 6), (8, 10)]))
```

It sorts first, so it takes `O(n log n)` time. To run it:

```bash
python merge.py
```
'''

_YAML = """\
```yaml
version: 2
services:
  web:
    image: example/web:1.4
    ports:
      - "8080:80"
      - "8443:443"
    environment:
      LOG_LEVEL: info
      RETRIES: 3
    healthcheck:
      interval: 10s
      retries: 3
  worker:
    image: example/worker:1.4
    environment:
      LOG_LEVEL: info
      RETRIES: 3
    healthcheck:
      interval: 10s
      retries: 3
volumes:
  data: {}
  cache: {}
```"""

_JSON = """\
{
  "order": "A-1009",
  "lines": [
    {"sku": "pen-blue", "count": 2, "price": 1.25, "gift": false},
    {"sku": "pen-blue", "count": 2, "price": 1.25, "gift": false},
    {"sku": "pen-red", "count": 12, "price": 1.25, "gift": true}
  ],
  "note": "Leave \\"behind\\" the green door\\nand ring twice.",
  "matrix": [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]],
  "unicode": "\\u00e9t\\u00e9",
  "total": {"net": 20.0, "tax": 4.0, "gross": 24.0}
}"""

_LATEX = r"""
We want to show that \(\sum_{k=1}^{n} k = \frac{n(n+1)}{2}\) for every \(n \ge 1\).

\[
\begin{aligned}
\sum_{k=1}^{n+1} k &= \sum_{k=1}^{n} k + (n+1) \\
                   &= \frac{n(n+1)}{2} + (n+1) \\
                   &= \frac{n(n+1)}{2} + \frac{2(n+1)}{2} \\
                   &= \frac{(n+1)(n+2)}{2}.
\end{aligned}
\]

Hence, by induction, $S_n = \tfrac12 n(n+1)$, and $\lim_{n\to\infty} S_n / n^2 = \tfrac12$. $\blacksquare$""".lstrip()

_CHINESE = """\
很久以前，山脚下住着一位老木匠。他每天早上都去河边打水，每天晚上都在灯下刻木头。他刻过鸟，刻过鱼，刻过一匹会在梦里奔跑的马。\
村里的孩子问他：“您为什么总是刻同一匹马？”老木匠笑着说：“因为它每天都不一样。”

有一年冬天，河水结了冰，老木匠没有去打水。孩子们在他的屋子里找到了一封信，信上只有一句话：“我骑马去了春天。”\
从那以后，每到春天，每到春天，人们都能听见河边的马蹄声。一、二、三，一、二、三，越来越近，越来越近。"""

_JAPANESE = """\
## 手順

1. まず、お湯を沸かします。沸騰したら、火を弱めてください。
2. 次に、茶葉を小さじ2杯入れます。入れすぎると苦くなります。
3. そのまま1分待ちます。「急がば回れ」と言いますから、ゆっくり待ちましょう。
4. 最後に、湯飲みに少しずつ注ぎます。最後の一滴まで注いでください。

※ 2杯目は、もう少し熱いお湯でもかまいません。カタカナのメモ：タイマー、ポット、ティーカップ。

ゆっくり、ゆっくり、ゆっくり。それがこつです。全部でおよそ５分かかります。どうぞ、おいしいお茶をお楽しみください。"""

_ARABIC = """\
كان في قديم الزمان بائع كتب يجلس كل صباح عند باب المدينة القديمة. كان يعرف كل كتاب عنده، ويعرف من سيشتريه قبل أن يصل. \
سألته فتاة صغيرة: «كيف تعرف؟» فقال: «الكتاب هو الذي يعرف، وأنا أسمع فقط».

وفي يوم من الأيام جاء رجل غريب يبحث عن كتاب لم يُكتب بعد. ابتسم البائع وأعطاه دفترًا أبيض وقلمًا، وقال له: «هذا هو، \
لم يبقَ إلا أن تكتبه». ومنذ ذلك اليوم، كلما مرّ أحد بالباب، سمع صوت القلم: حرفًا حرفًا، حرفًا حرفًا، حتى المساء."""

_HINDI = """\
एक छोटे से गाँव में एक कुम्हार रहता था। वह रोज़ सुबह नदी से मिट्टी लाता और दिन भर घड़े बनाता। उसके घड़े दूर-दूर तक मशहूर थे, \
क्योंकि उनमें पानी हमेशा ठंडा रहता था। एक दिन राजा ने पूछा, “तुम्हारे घड़ों का रहस्य क्या है?” कुम्हार ने कहा, “धीरज, महाराज। \
मिट्टी को समय दीजिए, आग को समय दीजिए, और पानी अपने आप ठंडा हो जाएगा।”

राजा हँसे और बोले, “तो राज्य को भी समय देना होगा।” धीरे-धीरे, धीरे-धीरे, सब ठीक हो गया।"""

_THAI = """\
กาลครั้งหนึ่งนานมาแล้ว มีชาวประมงคนหนึ่งอาศัยอยู่ริมทะเล ทุกเช้าเขาจะออกเรือไปจับปลาก่อนพระอาทิตย์ขึ้น และทุกเย็นเขาจะกลับมาพร้อมกับเรื่องเล่า \
บางวันเขาได้ปลามาก บางวันเขาได้แต่เรื่องเล่า เด็กๆ ชอบวันที่ไม่มีปลามากกว่า เพราะเรื่องเล่าจะยาวกว่าเดิม

“วันนี้ลุงเจออะไรครับ” เด็กคนหนึ่งถาม ชาวประมงตอบว่า “เจอทะเลที่ช้าลงๆ ช้าลงๆ จนหยุดฟังลุงพูด”"""

_EMOJI = """\
Launch day! 🚀🚀🚀 The team is here: 👩‍💻 Ana, 👨🏽‍🔬 Tariq, 🧑🏿‍🎨 Sam and the 👨‍👩‍👧‍👦 from next door. \
Flags for the guests: 🇧🇷 🇯🇵 🇰🇪 🇫🇷 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏳️‍🌈.

- Coffee ☕️☕️☕️ at 9️⃣, cake 🍰 at 1️⃣1️⃣
- Thumbs: 👍👍🏻👍🏼👍🏽👍🏾👍🏿
- Hearts: ❤️❤️‍🔥❤️‍🩹🩵

Café, cafe\u0301, naïve, nai\u0308ve: the same word, written in two ways. 1️⃣ 2️⃣ 3️⃣ … go! 🎉🎉🎉🎉"""

_LAUGHTER = """\
And then the clown said it again: ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha ha. The children said: ha ha ha \
ha ha ha ha ha. No, no, no, no, no, said the director, no, no, no. Hahahahahaha, said the clown. Very very very very \
very very very funny. Ha ha ha ha ha ha ha ha ha ha ha ha! Ha ha ha ha ha ha ha ha ha ha ha ha! Ha.

---------------------------------------------------------------------------
===========================================================================

ha ha ha"""

_SONG = """\
**Verse 1**
The river runs down to the harbour wall,
And the gulls go round and round.

*Row, brothers, row, for the tide is low,
Row till the bell comes down.*

**Verse 2**
The captain sleeps in the market hall,
And the gulls go round and round.

*Row, brothers, row, for the tide is low,
Row till the bell comes down.*

**Verse 3**
There is nobody left to hear us call,
And the gulls go round and round.

*Row, brothers, row, for the tide is low,
Row till the bell comes down,
Row till the bell comes down.*"""

# Built from pieces, so that no editor trims what the text is about.
_BLANKS = "\n".join(
    (
        "Two spaces end a line in Markdown:  ",
        "this is the next line,  ",
        "and this the one after.",
        "",
        "",
        "Two blank lines stood above.\tA tab stood here.",
        "   An indent of three,",
        "\t\tof two tabs,",
        "        and of eight.",
        "",
        "",
        "",
        "Three blank lines stood above;  two  spaces  stand  between  these  words.",
        "A no-break\u00a0space and a thin\u2009space count too.   ",
        " ",
        "The line above holds one space.",
        "",
        "The end.",
        "",
    )
)

_QUOTES = """\
“I said ‘no’,” she wrote, “and I meant 'no'.” He read it twice: "no" was "no", whether “no” or ‘no’. It’s a rule; \
it's also a habit. «Non», dit-il. „Nein“, sagte sie. "Don't", they'd say, “don’t”, and 'don't' again.

The 5'11" man from the '90s said: "She told me 'He said "maybe" once'." — that's three deep… or three-deep… or "three" \
-- deep. `"` and `'` are the straight ones; “ ” ‘ ’ are not."""

_TRANSCRIPT = """\
**Q:** Is it ready?
**A:** Yes.
**Q:** Is it tested?
**A:** Yes.
**Q:** Is it documented?
**A:** Yes... mostly. Continuing: the tutorial is done, and here is the rest:

...the reference is written by a machine.

**Q:** Is it ready?
**A:** Sure, here is what is left:

- the index
- the index of the index

**Q:** Is it ready?
**A:** Yes."""

#: Every text by its name.
TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "prose": _PROSE,
        "list": _LIST,
        "table": _TABLE,
        "code": _CODE,
        "yaml": _YAML,
        "json": _JSON,
        "latex": _LATEX,
        "chinese": _CHINESE,
        "japanese": _JAPANESE,
        "arabic": _ARABIC,
        "hindi": _HINDI,
        "thai": _THAI,
        "emoji": _EMOJI,
        "laughter": _LAUGHTER,
        "song": _SONG,
        "blanks": _BLANKS,
        "quotes": _QUOTES,
        "transcript": _TRANSCRIPT,
    }
)
