"""How long a request may take, where the caller has said so too."""

from __future__ import annotations

import httpx2

from unbroken.sdk.timeouts import Timeouts


def test_the_shorter_read_timeout_holds() -> None:
    """The caller's or the policy's; the other phases are the caller's."""
    timeouts = Timeouts(idle=90, progress=300, first_content=300)
    own = httpx2.Timeout(connect=1, read=600, write=2, pool=3)
    assert timeouts.beside(own)[1] == httpx2.Timeout(connect=1, read=90, write=2, pool=3)
    assert timeouts.beside(5)[1] == httpx2.Timeout(5)
    assert timeouts.beside(None)[1] == httpx2.Timeout(None, read=90, pool=270)
    assert timeouts.beside([1, 600, 2, 3])[1] == timeouts.beside((1, 600, 2, 3))[1] == timeouts.beside(own)[1]
    assert (timeouts.beside(own)[0], timeouts.beside(5)[0].idle) == (timeouts, 5)


def test_where_no_pings_are_sent_a_silence_may_be_thought() -> None:
    """Then only the time without content is bounded, and by the caller's own read timeout."""
    timeouts = Timeouts(idle=90, progress=300, first_content=200)
    assert timeouts.beside(None, pings=False)[1].read == 300
    assert timeouts.beside(None, pings=False)[0].idle == 300
    assert timeouts.beside(60, pings=False)[0].idle == 60
    assert Timeouts(90, 20, 10).beside(None, pings=False)[0].idle == 90
