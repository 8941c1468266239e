"""The public names of the fault server, each said once: `unbroken.testing` imports them from here.

A name is exported by its second mention (`Text as Text`), which is what type checkers go by.
"""

from unbroken.testing.manners.manners import Manner as Manner
from unbroken.testing.script.batches import Batches as Batches
from unbroken.testing.script.blocks import (
    Block as Block,
    RawBlock as RawBlock,
    RedactedThinking as RedactedThinking,
    ServerTool as ServerTool,
    Text as Text,
    Thinking as Thinking,
    ToolUse as ToolUse,
)
from unbroken.testing.script.faults import *  # noqa: F403  # which names its own
from unbroken.testing.script.limits import (
    RateLimitName as RateLimitName,
    ramp_limited as ramp_limited,
    rate_limited as rate_limited,
    spend_limited as spend_limited,
)
from unbroken.testing.script.poison import (
    Poison as Poison,
    Where as Where,
    all_of as all_of,
    any_of as any_of,
    has_keyword as has_keyword,
    has_parameter as has_parameter,
    has_text as has_text,
    has_tool as has_tool,
    larger_than as larger_than,
    longer_than as longer_than,
)
from unbroken.testing.script.script import (
    Answer as Answer,
    Script as Script,
)
from unbroken.testing.server.server import FaultServer as FaultServer
from unbroken.testing.server.threaded import ThreadedFaultServer as ThreadedFaultServer
from unbroken.testing.services.batch import (
    Batch as Batch,
    BatchedRequest as BatchedRequest,
)
from unbroken.testing.services.service_status import (
    Indicator as Indicator,
    ServiceIncident as ServiceIncident,
    ServiceStatus as ServiceStatus,
)
from unbroken.testing.wire.record import (
    Connection as Connection,
    Request as Request,
)
