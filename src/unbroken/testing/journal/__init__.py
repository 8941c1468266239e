"""The tests that every journal has to pass, for authors of journals: what `unbroken.journal.Journal` promises.

With pytest, and anyio's plugin for it:

    import pytest
    from unbroken.testing.journal import JournalSuite

    @pytest.mark.anyio
    class TestMyJournal(JournalSuite):
        @pytest.fixture(autouse=True)
        def place(self, tmp_path):
            self.path = tmp_path / "journal"

        def journal(self, **options):
            return MyJournal(self.path, **options)

        second = journal  # another object on the same store, as another process would have it

No test depends on how fast a machine is.
"""

from .appending import Appending
from .creating import Creating
from .holding import Holding
from .keeping import Keeping
from .reading import Reading
from .taking import Taking

__all__ = ["JournalSuite"]


class JournalSuite(Creating, Taking, Appending, Holding, Reading, Keeping):
    """All tests. A subclass is marked `@pytest.mark.anyio`, and says how a journal is made: see `journal`, `second`."""
